import { compareText } from "./problem.ts";

/**
 * JSON with keys in code-unit order and no white space: equal values give equal bytes, whatever order they were built in.
 * Takes what JSON can say; `undefined` members are left out, as `JSON.stringify` does.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (isRecord(inner) ? sorted(inner) : inner));
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  // From entries, not by assignment: a key named __proto__ must stay a key.
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => compareText(a, b)));
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
