/**
 * What of a bucket outlives its instance: a bound of all that was lent, written before the reply that lends it leaves. Restored
 * from it, a bucket errs to the side of its limit: what is doubtful is lost, never lent twice.
 */
import {
  type Bucket,
  type Capacity,
  CREDIT_MS,
  fullBucket,
  graceMs,
  type LeaseReply,
  settle,
  UNSEEN,
} from "./rate-limit-bucket.ts";

/**
 * What must be in storage before a reply may leave: a lower bound of the level and an upper bound of every term, both with
 * room for a second, so that one write a second is enough.
 */
export type Reserve = {
  readonly level: number;
  /** An upper bound of the sum of rates. */
  readonly rho: number;
  /** An instance lends by this reserve until then. */
  readonly quiet: number;
  /** No lease or credit lent by it lasts longer. */
  readonly until: number;
};
const RESERVE_MS = 1000;

/** The reserve to write, or undefined while `stored` still covers what was lent at `now`. */
export function reserveFor(
  bucket: Bucket,
  stored: Reserve | undefined,
  lent: LeaseReply,
  now: number,
): Reserve | undefined {
  if (lent.kind === "wait") return undefined;
  const until = now + lent.forMs + graceMs(lent.forMs);
  const { perMs, credit } = bucket.capacity;
  const current = stored && now <= stored.quiet && until <= stored.until;
  if (current && bucket.level >= stored.level && bucket.rho <= stored.rho) return undefined;
  // Written again within the second: much is changing, and all that could be lent is written off.
  return {
    level: current ? -credit : Math.max(-credit, bucket.level - RESERVE_MS * perMs - credit),
    rho: current ? Infinity : bucket.rho + perMs / 50,
    quiet: now + RESERVE_MS,
    until: Math.max(stored?.until ?? 0, until + RESERVE_MS),
  };
}

/** Puts back all that is not lent, at an operator's word: no invariant but what was admitted before. The reserve that says so. */
export function refill(bucket: Bucket, stored: Reserve, now: number): Reserve {
  settle(bucket, now);
  const { perMs, burst, credit } = bucket.capacity;
  bucket.level = Math.max(0, burst - bucket.out);
  return { ...stored, level: Math.max(-credit, bucket.level - RESERVE_MS * perMs - credit) };
}

/**
 * The bucket after a restart. All that is not in the reserve is taken for lent, until it must have lapsed: holders that show
 * their leases before go on with them. Until the reserve's second is over nothing is lent, since the instance before may
 * not know that it is one no longer; it can give out nothing that is not counted here.
 */
export function restored(capacity: Capacity, { level, rho: most, quiet, until }: Reserve, now: number): Bucket {
  // What has come since the reserve was written, the instance before may have lent until it was quiet.
  const bucket = fullBucket(capacity, quiet);
  const rho = Math.min(most, capacity.perMs);
  const out = capacity.burst - Math.min(Math.max(0, level), capacity.burst);
  const reply: LeaseReply = { kind: "wait", waitMs: 0, relearning: true };
  bucket.leases.set(UNSEEN, { rho, out, until, demand: 0, seq: Infinity, reply });
  Object.assign(bucket, { level: Math.min(level, capacity.burst), rho, out, soonest: until, quietUntil: quiet });
  if (capacity.credit > 0) {
    bucket.credits.set(UNSEEN, { amount: capacity.credit, until: until + CREDIT_MS + graceMs(CREDIT_MS), seen: 0 });
    bucket.credit = capacity.credit;
  }
  settle(bucket, now);
  return bucket;
}

/** From when on the bucket that `reserve` restores is as good as new. */
export const fullAt = ({ perMs, burst, credit }: Capacity, { level, until }: Reserve): number =>
  until + (credit > 0 ? CREDIT_MS + graceMs(CREDIT_MS) : 0) + (burst - level + credit) / perMs;
