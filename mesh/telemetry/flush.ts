/**
 * What an isolate tells a collector: tallies of the calls that it has finished since its last message, and running totals, by
 * which whatever a message lost is found to be missing. JSON, in arrays: a mesh sends many of these.
 */
import { bucketOf } from "../histogram.ts";
import type { Exemplar } from "./exemplar.ts";
import type { Labels, Tally } from "./series.ts";

export type Flush = {
  readonly isolate: string;
  /** Of the edge deployment, and where it runs. */
  readonly edge: string;
  readonly colo: string;
  readonly epoch: number;
  /** Counts up from 1; a message that is sent again has the number that it had. */
  readonly seq: number;
  /** Since the isolate was born. */
  readonly total: Totals;
  /** Requests that had not finished when this was written. */
  readonly inFlight: number;
  /** Nothing is in flight and nothing is unreported: unless there is word from it again, nothing can be lost with this isolate. */
  readonly closing: boolean;
  /** The most finished calls that this isolate ever held unreported: what can be lost with it. */
  readonly peak: number;
  readonly series: readonly Labels[];
  /** Each `[second since 1970, index into series, …]` of one second. */
  readonly cells: readonly WireCell[];
  /** Of those calls whose traces were recorded. Edges before these do not send any. */
  readonly exemplars?: readonly Exemplar[];
};

export type Totals = { readonly started: number; readonly finished: number; readonly failed: number };

export type WireCell = readonly [second: number, series: number, ...tally: WireTally];

/** A `Tally`; of latency each bucket with its count in turn. */
export type WireTally = readonly [
  requests: number,
  sumMs: number,
  attempts: number,
  hedges: number,
  requestBytes: number,
  responseBytes: number,
  degraded: number,
  latency: readonly number[],
  /** Last, since edges before it do not send it. */
  wouldDeny?: number,
];

export const toWire = (tally: Tally): WireTally => [
  tally.requests,
  tally.sumMs,
  tally.attempts,
  tally.hedges,
  tally.requestBytes,
  tally.responseBytes,
  tally.degraded,
  [...tally.latency].flat(),
  tally.wouldDeny,
];

export function fromWire(wire: WireTally): Tally {
  const [requests, sumMs, attempts, hedges, requestBytes, responseBytes, degraded, pairs, wouldDeny = 0] = wire;
  const latency = new Map<number, number>();
  for (let n = 0; n + 1 < pairs.length; n += 2) latency.set(pairs[n]!, pairs[n + 1]!);
  return { requests, sumMs, latency, attempts, hedges, requestBytes, responseBytes, degraded, wouldDeny };
}

/** One finished call, as the isolate keeps it until the next flush. */
export type Observation = {
  readonly labels: Labels;
  /** Milliseconds since 1970, of its end. */
  readonly at: number;
  readonly ms: number;
  readonly attempts: number;
  readonly hedges: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly degraded: boolean;
  /** A policy on dry run would have refused it. */
  readonly wouldDeny: boolean;
  /** Where its trace was recorded. */
  readonly traceId?: string | undefined;
};

export function observe(
  tally: Tally,
  { ms, attempts, hedges, requestBytes, responseBytes, degraded, wouldDeny }: Observation,
): void {
  tally.requests += 1;
  tally.sumMs += ms;
  tally.attempts += attempts;
  tally.hedges += hedges;
  tally.requestBytes += requestBytes;
  tally.responseBytes += responseBytes;
  if (degraded) tally.degraded += 1;
  if (wouldDeny) tally.wouldDeny += 1;
  const bucket = bucketOf(ms);
  tally.latency.set(bucket, (tally.latency.get(bucket) ?? 0) + 1);
}
