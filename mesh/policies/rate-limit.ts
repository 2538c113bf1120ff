/**
 * A rate limit that holds to the token over the whole fleet while nearly every decision is local: an object lends tokens and
 * rates (rate-limit-bucket.ts), and an isolate spends what it holds (rate-limit-holder.ts).
 */
import type { Capacity } from "./rate-limit-bucket.ts";
import type { KeyPart } from "./rate-limit-key.ts";

/** One named limit. A bucket of depth `burst` that refills by `requests` every `windowMs`; one bucket for each key. */
export type RateLimit = Limit & {
  /** `namespace/policy/limit`: with the key's values it names the bucket's object. */
  readonly name: string;
  readonly key: readonly KeyPart[];
  readonly onUnavailable: "share" | "deny" | "allow";
};

/** `requests` every `windowMs`, at most `burst` at once. */
export type Limit = { readonly requests: number; readonly windowMs: number; readonly burst: number };

/** What the limit has to lend where nothing stands above it. */
export const capacityOf = ({ requests, windowMs, burst }: Limit): Capacity => ({
  perMs: requests / windowMs,
  burst,
  until: Infinity,
  credit: 0,
  creditUntil: Infinity,
});
