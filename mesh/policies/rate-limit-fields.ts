/**
 * What callers are told of a limit: RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10). Names and policies
 * are written once for a limit; on an answer there is nothing left to write but two numbers.
 */
import { serializeItem, serializeList } from "structured-headers";
import type { Holder } from "./rate-limit-holder.ts";
import type { RateLimit } from "./rate-limit.ts";

export type Fields = {
  /** The name that callers know the limit by. */
  readonly name: string;
  /** Its member of RateLimit-Policy. */
  readonly policy: string;
  /** Its member of RateLimit; both numbers are of 0 to 10^15 - 1. */
  readonly left: (remaining: number, moreInS: number) => string;
  /** When there is more of it than there is now, in seconds. */
  readonly moreInS: number;
};

/** A window shorter than a second is told as of one second: the field has whole seconds. */
export function fieldsOf({ name: whole, requests, windowMs, cost }: RateLimit): Fields {
  const name = whole.slice(whole.lastIndexOf("/") + 1);
  const seconds = Math.max(1, Math.ceil(windowMs / 1000));
  const quota = Math.ceil((requests * 1000 * seconds) / windowMs);
  const unit: [string, string][] = cost?.kind === "bytes" ? [["qu", "content-bytes"]] : [];
  const member = serializeItem([name, new Map()]);
  return {
    name,
    policy: serializeList([[name, new Map<string, string | number>([["q", quota], ...unit, ["w", seconds]])]]),
    left: (remaining, moreInS) => `${member};r=${remaining};t=${moreInS}`,
    moreInS: Math.max(1, Math.ceil(windowMs / requests / 1000)),
  };
}

/**
 * What a caller may reckon with: what this isolate has in hand, what the object had when it last replied, and, unless more is
 * wanted than there is, what has come since. A whole number, and never more than the burst. `now` is in milliseconds since 1970.
 */
export function remaining(holder: Holder, { requests, windowMs, burst }: RateLimit, now: number): number {
  const { tokens, left, leftAt, over } = holder;
  const since = over || leftAt === 0 ? 0 : ((now - leftAt) * requests) / windowMs;
  return Math.floor(Math.max(0, Math.min(burst, tokens + left + since)));
}
