/** What a finished call says of its upstream. `ignored`: the caller left first, so it says nothing. */
export type Outcome = "ok" | "failed" | "ignored";
