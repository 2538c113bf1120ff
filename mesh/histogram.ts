/**
 * OpenTelemetry's exponential histogram at a fixed scale of 4: bucket i holds values in (base^i, base^(i+1)], base = 2^(1/16).
 * Whatever the range, the middle of a bucket is within 2.2 % of its values; and as the scale never changes, merging is adding.
 * Source: OpenTelemetry metrics data model, "ExponentialHistogram". Prometheus' native schema 4 has the same buckets, numbered one higher.
 */
export const SCALE = 4;
const PER_DOUBLING = 2 ** SCALE;

/** What is 0 or less has no logarithm; it is counted in a bucket of its own, below all others. */
export const ZERO_BUCKET = -1_000_000;

/** Bucket -> count. Sparse: latencies of one series fill some dozens of buckets. */
export type Histogram = Map<number, number>;

export function bucketOf(value: number): number {
  if (!(value > 0)) return ZERO_BUCKET;
  return Math.ceil(Math.log2(value) * PER_DOUBLING) - 1;
}

/** The largest value that bucket `index` holds. */
export const upperBound = (index: number): number => (index === ZERO_BUCKET ? 0 : 2 ** ((index + 1) / PER_DOUBLING));

export function addTo(histogram: Histogram, bucket: number, count = 1): void {
  histogram.set(bucket, (histogram.get(bucket) ?? 0) + count);
}

/**
 * The value below which `q` (0 to 1) of what was counted lies, to within a bucket: its geometric middle. Undefined of nothing.
 * By nearest rank: the smallest value that at least q x count values do not exceed.
 */
export function quantile(histogram: ReadonlyMap<number, number>, q: number): number | undefined {
  const sorted = [...histogram].toSorted(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (const [index, count] of sorted) {
    seen += count;
    if (seen >= rank) return index === ZERO_BUCKET ? 0 : 2 ** ((index + 0.5) / PER_DOUBLING);
  }
  return undefined;
}
