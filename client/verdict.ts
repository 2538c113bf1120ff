/** What became of a try, and whether it may be made again. */

/**
 * - `answered`: by the service, or refused by the mesh, which is an answer.
 * - `elsewhere`: this edge does not serve the service, or has no configuration; the request went no further.
 * - `down`: nobody listens there; nothing was sent.
 * - `failed`: whether the request arrived at the service is not known.
 */
export type Outcome = "answered" | "elsewhere" | "unready" | "down" | "failed";

/** Causes of the mesh (docs/causes.md) with which an edge says that it can decide nothing. */
const UNDECIDED: Readonly<Record<string, Outcome>> = {
  "out-of-scope": "elsewhere",
  "no-snapshot": "unready",
  "no-shard": "unready",
  internal: "failed",
};

/** Every answer of an edge has its epoch: a 5xx without one is of something that stands where the edge should. */
export function verdict(status: number, headers: { get(name: string): string | null }): Exclude<Outcome, "down"> {
  const cause = headers.get("selvedge-cause");
  const undecided = cause === null ? undefined : UNDECIDED[cause];
  if (undecided !== undefined) return undecided as Exclude<Outcome, "down">;
  return status >= 500 && headers.get("selvedge-epoch") === null ? "failed" : "answered";
}

/** Of connections that never came to be. Any other failure may have come after the request arrived. */
const UNSENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

export function sent(error: unknown): "down" | "failed" {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  return UNSENT.includes(String(cause?.code ?? code)) ? "down" : "failed";
}

/** RFC 9110, section 9.2.2. An Idempotency-Key does not count: whether anybody keeps to it, a client cannot know. */
export const isIdempotent = (method: string): boolean =>
  ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].includes(method.toUpperCase());
