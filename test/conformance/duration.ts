const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Milliseconds of a duration as Go writes it: `1s`, `1.5s`, `1m30s`. */
export function milliseconds(text: string): number {
  let total = 0;
  for (const [, count, unit] of text.matchAll(/([\d.]+)(ms|h|m|s)/g))
    total += Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return total;
}
