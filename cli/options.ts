/** Options that several commands share, and how their values are read. */
import { InvalidArgumentError, Option } from "commander";

/** Repeatable; not variadic, or `-f a b` would swallow an argument. */
export const filenameOption = (description: string): Option =>
  new Option("-f, --filename <path>", description).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);

export const namespaceOption = (): Option =>
  new Option("-n, --namespace <name>", "namespace to look in").default("default");

export function parseEpoch(text: string): number {
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw new InvalidArgumentError("An epoch is a whole number.");
  return Number(text);
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > 1000)
    throw new InvalidArgumentError("Write a number from 1 to 1000.");
  return Number(text);
}
