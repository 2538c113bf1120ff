/**
 * The mesh's own header names, but for those that travel with a request. They are said to callers, taken from none, and from no upstream: a name that is
 * not here would cross the boundary. A list and not a prefix, since looking at every name of every request costs more than
 * everything else that is done with headers.
 */
export const MESH_HEADERS = {
  /** Why the mesh answered itself. */
  cause: "selvedge-cause",
  /** The configuration that decided. */
  epoch: "selvedge-epoch",
  /** Where the snapshot in force came from, when that is not KV. */
  snapshot: "selvedge-snapshot",
  /** The layer that decided without its state object. */
  degraded: "selvedge-degraded",
  /** To upstreams: which execution of an idempotency key this is. More than 1 only where the policy allows it. */
  attempt: "selvedge-idempotency-attempt",
  /** What a workload proves by who it is. */
  token: "selvedge-token",
  /** What the mesh asserts to a service: who calls it, and through whom the call came. */
  caller: "selvedge-caller",
  /** How many tries the call took, if more than one. */
  attempts: "selvedge-attempts",
  /** The endpoint that had the call last, where a policy says that callers may know. */
  endpoint: "selvedge-endpoint",
  /** What a fault on purpose did to the call. */
  fault: "selvedge-fault",
  /** By which an operator proves that it may ask why; workers/edge-proxy/debug.ts. */
  debug: "selvedge-debug",
  /** Why: what the edge decided about the request, as JSON. */
  explanation: "selvedge-explanation",
} as const;

/**
 * What goes upstream with a request, and from there, copied by the service, to what it calls. Each is believed no further than
 * it can do no harm, whoever sent it; none comes back with a response.
 */
export const TRAVELLING_HEADERS = {
  /** How many milliseconds whoever called still waits. */
  timeout: "selvedge-timeout-ms",
  /** How many more tries of its calls the request may set off; mesh/policies/retry-tree.ts. */
  retries: "selvedge-retries",
} as const;
