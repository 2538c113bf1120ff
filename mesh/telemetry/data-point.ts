/** A finished call as Workers Analytics Engine takes it: one row, whose columns are docs/telemetry.md's. Their order never changes; new ones are appended. */
import type { Observation } from "./flush.ts";

/** Its lists are mutable as the platform's own types have them. */
export type DataPoint = { readonly indexes: [string]; readonly blobs: string[]; readonly doubles: number[] };

/** What is too much is sampled by the callee, so that those with little traffic keep theirs. */
export function dataPointOf(observation: Observation): DataPoint {
  const { labels, ms, attempts, hedges, requestBytes, responseBytes, degraded, wouldDeny, traceId = "" } = observation;
  const { caller, callee, route, rule, method, backend, class: status, cause } = labels;
  return {
    // An index has 96 bytes; names are ASCII.
    indexes: [callee.slice(0, 96)],
    blobs: [caller, callee, route, rule, method, backend, status, cause, traceId],
    doubles: [ms, attempts, hedges, requestBytes, responseBytes, Number(degraded), Number(wouldDeny)],
  };
}
