/** Weights as running totals, so that a pick is one draw and one search. */
export type Weighted<T> = {
  readonly items: readonly T[];
  readonly totals: readonly number[];
  /** All weigh the same: a pick need not search. */
  readonly even: boolean;
};

export function weigh<T extends { readonly weight: number }>(items: readonly T[]): Weighted<T> {
  let total = 0;
  const even = items.every(({ weight }) => weight === items[0]?.weight);
  return { items, totals: items.map(({ weight }) => (total += weight)), even };
}

/** Each item with a chance of its weight over the sum; undefined when there is none. `random` is 0 up to, not including, 1. */
export const pick = <T>(weighted: Weighted<T>, random: number): T | undefined =>
  weighted.items[position(weighted, random)];

/** The place of what `pick` picks. */
export function position({ totals, even }: Weighted<unknown>, random: number): number {
  const { length } = totals;
  if (length <= 1) return 0;
  if (even) return Math.min(length - 1, Math.floor(random * length));
  const at = random * totals[length - 1]!;
  let [low, high] = [0, length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at < totals[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
