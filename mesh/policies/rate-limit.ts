/**
 * A rate limit that holds to the token over the whole fleet while nearly every decision is local: an object lends tokens and
 * rates (rate-limit-bucket.ts), and an isolate spends what it holds (rate-limit-holder.ts).
 */
import type { Clause } from "./authorize-clause.ts";
import type { Capacity } from "./rate-limit-bucket.ts";
import { type Holder, newHolder } from "./rate-limit-holder.ts";
import type { KeyPart } from "./rate-limit-key.ts";

/** One named limit. A bucket of depth `burst` that refills by `requests` every `windowMs`; one bucket for each key. */
export type RateLimit = Limit & {
  /** `namespace/policy/limit`: with the key's values it names the bucket's object. */
  readonly name: string;
  readonly key: readonly KeyPart[];
  readonly onUnavailable: "share" | "deny" | "allow";
  /** What a call takes: the bytes of its body, or what an expression in CEL says. Absent: 1. */
  readonly cost?: { readonly kind: "bytes" } | { readonly kind: "expression"; readonly text: string };
  /** Each isolate has a bucket of its own, and asks no object. */
  readonly local?: true;
  /** A call of which one of these holds is not counted. */
  readonly exempt?: readonly Clause[];
  /** Counts, and refuses nobody. */
  readonly dryRun?: true;
};

/** `requests` every `windowMs`, at most `burst` at once; of whatever is counted. `credit` is what a bounded limit lends beyond that. */
export type Limit = {
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly credit?: number;
};

/** What the limit has to lend where nothing stands above it. */
export const capacityOf = ({ requests, windowMs, burst, credit = 0 }: Limit): Capacity => ({
  perMs: requests / windowMs,
  burst,
  until: Infinity,
  credit,
  creditUntil: Infinity,
});

/** What an isolate holds of a limit: for a local one the whole of it, in a lease that never ends. */
export const holderOf = (id: string, { local, requests, windowMs, burst }: RateLimit, now: number): Holder =>
  local
    ? {
        ...newHolder(id, now),
        tokens: burst,
        depth: burst,
        rho: requests / windowMs,
        until: Infinity,
        refreshAt: Infinity,
        askAt: Infinity,
      }
    : newHolder(id, now);

/** Whether `holder` is one of this limit as it now is: one that asks follows its object, a local one has nobody to follow. */
export const isHolderOf = (holder: Holder, { local, requests, windowMs, burst }: RateLimit): boolean =>
  local
    ? holder.until === Infinity && holder.depth === burst && holder.rho === requests / windowMs
    : holder.until !== Infinity;

/** What operators reset need not be waited for any longer; a local limit begins anew. Changes `holders`. */
export function forgetWaits(holders: Map<string, Holder>, isMeant: (bucket: string) => boolean): void {
  for (const [bucket, holder] of holders) {
    if (!isMeant(bucket)) continue;
    if (holder.until === Infinity) holders.delete(bucket);
    else holder.askAt = 0;
  }
}
