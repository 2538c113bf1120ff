/** Weights as running totals, so that a pick is one draw and one walk. */
export type Weighted<T> = { readonly items: readonly T[]; readonly totals: readonly number[] };

export function weigh<T extends { readonly weight: number }>(items: readonly T[]): Weighted<T> {
  let total = 0;
  return { items, totals: items.map(({ weight }) => (total += weight)) };
}

/** Each item with a chance of its weight over the sum; undefined when there is none. `random` is 0 up to, not including, 1. */
export function pick<T>({ items, totals }: Weighted<T>, random: number): T | undefined {
  if (items.length <= 1) return items[0];
  const at = random * totals.at(-1)!;
  return items[totals.findIndex((total) => at < total)];
}
