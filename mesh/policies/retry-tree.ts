/**
 * One budget of retries for all that one user's request sets off. A call may be made again at every hop of a chain, and three hops
 * with three tries each make 27 calls of a dead service at its end. Here a hop has what its caller's hop passed on to it, keeps what its
 * own policy may need, and passes the rest on with the first try; a try that is made again passes on nothing.
 *
 * So a call with `n` retries to spend reaches the end at most n + 1 times: kept + 1 tries, of which one brings n - kept more.
 */

/** Of a request that comes from nowhere, unless the first policy on its way asks for more itself. */
export const TREE_RETRIES = 3;

/** `claim` is what the call's own caller passed on; undefined at the first hop. */
export function share(
  claim: number | undefined,
  attempts: number,
): { readonly own: number; readonly passedOn: number } {
  const all = claim ?? Math.max(TREE_RETRIES, attempts);
  const own = Math.min(attempts, all);
  return { own, passedOn: all - own };
}

/** `retries`, or `retries.minute.signature`. */
export type Claim = { readonly retries: number; readonly minute: number | undefined; readonly signature: string };

/** A claim as it travels; undefined for what is none, or more than any hop passes on. */
export function parseClaim(text: string): Claim | undefined {
  const [, retries, minute, signature = ""] = /^(\d)(?:\.(\d{1,10})\.([\w-]{43}))?$/.exec(text) ?? [];
  if (retries === undefined || Number(retries) > TREE_RETRIES) return undefined;
  return { retries: Number(retries), minute: minute === undefined ? undefined : Number(minute), signature };
}

/** What is signed. */
export const signedPart = (retries: number, minute: number): string => `${retries}.${minute}`;

const MINUTE_MS = 60_000;
/** Calls last, and clocks differ; a claim that was seen once is of no use for long. */
const VALID_MINUTES = 10;

export const minuteOf = (now: number): number => Math.floor(now / MINUTE_MS);
export const isFresh = (minute: number, now: number): boolean => Math.abs(minuteOf(now) - minute) <= VALID_MINUTES;
