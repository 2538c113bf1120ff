/**
 * What a call to an endpoint will cost, as a peak-sensitive moving average (Finagle's PeakEwma, Linkerd's): a slower answer
 * counts at once and whole, quicker ones bring the average down over ten seconds, and so does silence, or an endpoint that
 * was slow once would never be tried again.
 */
export type Latency = { readonly ms: number; /** When it was observed. */ readonly at: number };

/** After this long a third of the past is left (1/e). */
const DECAY_MS = 10_000;
/**
 * What a failure counts as: an endpoint that fails at once is not a quick one (Linkerd's load biaser). At a decay of ten
 * seconds, one that answers 500 in 1 ms is tried again about once a minute beside others that take 10 ms.
 */
export const PENALTY_MS = 5000;
/** A `Retry-After` is believed up to here. */
const MAX_PENALTY_MS = 300_000;

export function observe(before: Latency | undefined, ms: number, now: number): Latency {
  const expected = before ? expectedMs(before, now) : 0;
  if (!before || ms > expected) return { ms, at: now };
  // What has decayed by silence already is the weight of the past.
  return { ms: expected + ms * (1 - decay(before, now)), at: now };
}

/** A call that was not waited for took longer than `ms`: news only where less was expected. */
export const atLeast = (before: Latency | undefined, ms: number, now: number): Latency | undefined =>
  ms > (before ? expectedMs(before, now) : 0) ? { ms, at: now } : before;

export const expectedMs = (latency: Latency, now: number): number => latency.ms * decay(latency, now);

/** What a failure costs, in milliseconds, or an answer that asks for a pause of `retryAfterMs`. */
export const penaltyMs = (tookMs: number, retryAfterMs = 0): number =>
  Math.min(MAX_PENALTY_MS, Math.max(PENALTY_MS, tookMs, retryAfterMs));

const decay = ({ at }: Latency, now: number): number => Math.exp(-Math.max(0, now - at) / DECAY_MS);
