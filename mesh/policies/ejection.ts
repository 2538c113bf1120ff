/**
 * Outlier ejection, per isolate: an endpoint that fails several times in a row is left out for a while, and for longer each
 * time (Envoy's outlier detection, `consecutive_5xx`). How many may be out at once is the group's to say: `mayEject`.
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
};

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
  if (failures < policy.failures || !may) return { ...standing, failures };
  // An ejection is forgotten for each `ejectMs` that the endpoint has been back.
  const forgotten = Math.floor((now - standing.until) / policy.ejectMs);
  const ejections = Math.max(0, standing.ejections - forgotten) + 1;
  return { failures: 0, ejections, until: now + Math.min(policy.maxEjectMs, policy.ejectMs * ejections) };
}

/**
 * Whether one more of `total` may be out while `out` are. One always may, or small backends would never eject (Envoy's 10 %
 * means none of nine); the last one never.
 */
export const mayEject = (out: number, total: number, { maxEjected }: EjectionPolicy): boolean =>
  out + 1 < total && (out === 0 || out + 1 <= maxEjected * total);
