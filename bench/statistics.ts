/** What a series of measurements says, without assuming that they are normally distributed: they are not. */

/** `q` from 0 to 1, between neighbours by proportion. NaN of nothing. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);

/** The width that holds the middle half of the values. */
export const interquartileRange = (values: ArrayLike<number>): number =>
  quantile(values, 0.75) - quantile(values, 0.25);

/** Two measurements made one right after the other, so that what disturbs the machine disturbs both. */
export type Pair = { readonly baseline: number; readonly variant: number };

export type Comparison = {
  /** Medians. */
  readonly value: number;
  readonly baseline: number;
  /** Median over the pairs of variant by baseline, and the interquartile range of those. */
  readonly ratio: number;
  readonly spread: number;
};

export function compare(pairs: readonly Pair[]): Comparison {
  const ratios = pairs.map(({ baseline, variant }) => variant / baseline);
  return {
    value: median(pairs.map(({ variant }) => variant)),
    baseline: median(pairs.map(({ baseline }) => baseline)),
    ratio: median(ratios),
    spread: interquartileRange(ratios),
  };
}

/**
 * Measures in the order A B, B A, A B, …: whoever goes second may find the machine warmer or more tired, and each does
 * so equally often. One measurement of each comes first and is thrown away.
 */
export async function inPairs<T>(
  pairs: number,
  baseline: () => Promise<T>,
  variant: () => Promise<T>,
): Promise<{ readonly baseline: T; readonly variant: T }[]> {
  await baseline();
  await variant();
  const measured: { baseline: T; variant: T }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    if (pair % 2 === 0) measured.push({ baseline: await baseline(), variant: await variant() });
    else {
      const first = await variant();
      measured.push({ baseline: await baseline(), variant: first });
    }
  }
  return measured;
}
