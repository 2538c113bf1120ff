/**
 * The mesh's own header names, all of them. They are said to callers, taken from none, and from no upstream: a name that is
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
  /** How many tries the call took, if more than one. */
  attempts: "selvedge-attempts",
} as const;
