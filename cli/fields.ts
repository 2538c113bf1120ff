/** Reading what control shows without trusting its shape: what a later version added is passed over, never a crash. */
import type { Resource } from "../mesh/resources/resource.ts";

export type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
export const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fields) : []);
export const text = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";
export const join = (parts: readonly string[]): string => [...new Set(parts.filter(Boolean))].join(",");

export const specOf = (resource: Resource): Fields => fields(resource["spec"]);
export const statusOf = (resource: Resource): Fields => fields(resource["status"]);

/** What a route's parents, or a policy's targets, say of it: whom, and with which conditions. */
export function verdictsOf(
  resource: Resource,
): readonly { readonly ref: Fields; readonly conditions: readonly Fields[] }[] {
  const { parents, ancestors } = statusOf(resource);
  return [...list(parents), ...list(ancestors)].map((entry) => ({
    ref: fields(entry["parentRef"] ?? entry["ancestorRef"]),
    conditions: list(entry["conditions"]),
  }));
}

/** The status of a condition, `True`, `False` or `Unknown`; empty where there is none of the type. */
export const conditionIn = (conditions: readonly Fields[], type: string): string =>
  text(conditions.find((one) => one["type"] === type)?.["status"]);
