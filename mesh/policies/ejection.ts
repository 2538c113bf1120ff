/**
 * Outlier ejection, per isolate: an endpoint that fails several times in a row, or that succeeds much less often than the others, is
 * left out for a while, and for longer each time (Envoy's outlier detection, `consecutive_5xx` and `success_rate`). How many may be
 * out at once is said by `mayEject`.
 */
import type { Outcome } from "../outcome.ts";

export type EjectionPolicy = {
  /** So many in a row. */
  readonly failures: number;
  /** The first time; each further time by so much longer, up to `maxEjectMs`. */
  readonly ejectMs: number;
  readonly maxEjectMs: number;
  /** 0 to 1: of the backend's endpoints, so many may be out at once. */
  readonly maxEjected: number;
  readonly successRate?: SuccessRate;
};

type SuccessRate = {
  readonly intervalMs: number;
  /** Fewer endpoints with enough calls say nothing of what is usual. */
  readonly leastEndpoints: number;
  /** Of an endpoint in an interval; fewer say nothing of it. */
  readonly leastCalls: number;
  /** Out goes whoever succeeds less often than the mean, less so many standard deviations. */
  readonly deviations: number;
};

/** What an endpoint's calls of the running interval came to. Changed in place: every call does. */
export type Tally = { ok: number; failed: number };

export type Standing = {
  /** Since the last success. */
  readonly failures: number;
  readonly ejections: number;
  /** Out until then. */
  readonly until: number;
};

export const GOOD: Standing = { failures: 0, ejections: 0, until: 0 };

export const isEjected = ({ until }: Standing, now: number): boolean => now < until;

/**
 * What a finished call makes of an endpoint's standing; `may` is whether one more may be out. An endpoint that is out stays
 * as it is: calls that come back now were sent before, or in a panic.
 */
export function judge(
  standing: Standing,
  outcome: Outcome,
  may: boolean,
  policy: EjectionPolicy,
  now: number,
): Standing {
  if (outcome === "ignored" || isEjected(standing, now)) return standing;
  if (outcome === "ok") return standing.failures === 0 ? standing : { ...standing, failures: 0 };
  const failures = standing.failures + 1;
  return failures < policy.failures || !may ? { ...standing, failures } : ejected(standing, policy, now);
}

function ejected({ ejections, until }: Standing, { ejectMs, maxEjectMs }: EjectionPolicy, now: number): Standing {
  // An ejection is forgotten for each `ejectMs` that the endpoint has been back.
  const forgotten = Math.floor((now - until) / ejectMs);
  const times = Math.max(0, ejections - forgotten) + 1;
  return { failures: 0, ejections: times, until: now + Math.min(maxEjectMs, ejectMs * times) };
}

/** What an interval's calls make of the endpoints' standings: by index, those that go out. The worst go first while they may. */
export function judgeRates(
  standings: readonly Standing[],
  tallies: readonly Tally[],
  policy: EjectionPolicy,
  now: number,
): ReadonlyMap<number, Standing> {
  const out = new Map<number, Standing>();
  if (!policy.successRate) return out;
  const before = standings.filter((standing) => isEjected(standing, now)).length;
  for (const index of outliers(tallies, policy.successRate)) {
    const standing = standings[index]!; // there is one for each tally
    if (!isEjected(standing, now) && mayEject(before + out.size, standings.length, policy))
      out.set(index, ejected(standing, policy, now));
  }
  return out;
}

/**
 * Where nearly everything succeeds, deviations are tiny: of ten endpoints, one with a single failure in a hundred calls is three of them
 * below the mean. Envoy ejects it; here so small a shortfall is nobody's fault.
 */
const LEAST_SHORTFALL = 0.05;

/** Indices of those that succeed too seldom, worst first. */
function outliers(tallies: readonly Tally[], { leastEndpoints, leastCalls, deviations }: SuccessRate): number[] {
  const rates = tallies.flatMap(({ ok, failed }, index) =>
    ok + failed >= leastCalls ? [{ index, rate: ok / (ok + failed) }] : [],
  );
  if (rates.length < leastEndpoints) return [];
  const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length;
  const deviation = Math.sqrt(rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length);
  const least = Math.min(mean - deviations * deviation, mean - LEAST_SHORTFALL);
  return rates
    .filter(({ rate }) => rate < least)
    .toSorted((a, b) => a.rate - b.rate)
    .map(({ index }) => index);
}

/**
 * Whether one more of `total` may be out while `out` are. One always may, or small backends would never eject (Envoy's 10 %
 * means none of nine); the last one never.
 */
export const mayEject = (out: number, total: number, { maxEjected }: EjectionPolicy): boolean =>
  out + 1 < total && (out === 0 || out + 1 <= maxEjected * total);
