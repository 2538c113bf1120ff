/** What a stored value is tested for before it is believed. */
import { isRecord } from "./canonical.ts";

export type Raw = Readonly<Record<string, unknown>>;

export const isTexts = (texts: unknown): texts is string[] =>
  Array.isArray(texts) && texts.every((text) => typeof text === "string");

export const isPairs = (pairs: unknown): boolean =>
  Array.isArray(pairs) &&
  pairs.every((pair) => isRecord(pair) && typeof pair.name === "string" && typeof pair.value === "string");

export const isIndex = (value: unknown, length: number): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < length;

export const isPort = (value: unknown): boolean => isIndex(value, 65_536) && value !== 0;

export const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0;

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`${what} is not as this edge reads it`);
}
