/**
 * What calls are counted under, and what is counted. Labels come from the snapshot and from verified identities, never from what a
 * caller made up, so that nobody can fill a mesh's memory with series.
 */
import { addTo, type Histogram } from "../histogram.ts";

export type Labels = {
  /** `namespace/name` of the workload that called; empty where nobody has proven who it is. */
  readonly caller: string;
  /** `namespace/name` of the Service or Backend that was called; empty where the mesh answered before one was chosen. */
  readonly callee: string;
  /** `namespace/name` of the route, and its rule's name or number; empty where none matched. */
  readonly route: string;
  readonly rule: string;
  /** One that the mesh carries; empty for any other. */
  readonly method: string;
  /** `Service/namespace/name:port` or `Backend/namespace/name`. */
  readonly backend: string;
  /** Of the status that the caller saw. */
  readonly class: StatusClass;
  /** Of a denial, or `stale`, `collapsed` or `bypassed`; empty where an upstream answered. */
  readonly cause: string;
};

const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

/** `status` is 100 to 599. */
export const classOf = (status: number): StatusClass => STATUS_CLASSES[Math.floor(status / 100) - 1] ?? "5xx";

/** Where series beyond a cap are counted, so that totals stay exact. The status class alone is kept. */
export const overflow = (from: Labels): Labels => ({
  caller: OTHER,
  callee: OTHER,
  route: OTHER,
  rule: OTHER,
  method: OTHER,
  backend: OTHER,
  class: from.class,
  cause: "",
});
/** No name of a resource has an underscore. */
export const OTHER = "_other";

/** What calls of one series add up to. Mutable: it is added to on every call. */
export type Tally = {
  requests: number;
  /** Milliseconds from the request's arrival to its response's headers, summed, and as a distribution. */
  sumMs: number;
  readonly latency: Histogram;
  /** Sendings to upstreams, the first of each call included, and those of them that hedged. */
  attempts: number;
  hedges: number;
  /** By Content-Length; a body that does not say how long it is counts for nothing. */
  requestBytes: number;
  responseBytes: number;
  /** Calls that a policy decided without its state object. */
  degraded: number;
  /** Calls that a policy on dry run would have refused. */
  wouldDeny: number;
};

export const emptyTally = (): Tally => ({
  requests: 0,
  sumMs: 0,
  latency: new Map(),
  attempts: 0,
  hedges: 0,
  requestBytes: 0,
  responseBytes: 0,
  degraded: 0,
  wouldDeny: 0,
});

export function addTally(to: Tally, from: Tally): Tally {
  to.requests += from.requests;
  to.sumMs += from.sumMs;
  to.attempts += from.attempts;
  to.hedges += from.hedges;
  to.requestBytes += from.requestBytes;
  to.responseBytes += from.responseBytes;
  to.degraded += from.degraded;
  to.wouldDeny += from.wouldDeny;
  for (const [bucket, count] of from.latency) addTo(to.latency, bucket, count);
  return to;
}

/** A call that an upstream or the mesh failed; what a caller did wrong (4xx) is not the service's error. */
export const isError = ({ class: status }: Labels): boolean => status === "5xx";

export const keyOf = ({ caller, callee, route, rule, method, backend, class: status, cause }: Labels): string =>
  `${caller} ${callee} ${route} ${rule} ${method} ${backend} ${status} ${cause}`;
