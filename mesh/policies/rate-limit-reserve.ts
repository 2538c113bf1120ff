/**
 * What of a bucket outlives its instance: a bound of all that was lent, written before the reply that lends it leaves. Restored
 * from it, a bucket errs to the side of its limit: what is doubtful is lost, never lent twice.
 */
import { perMsOf } from "./flow.ts";
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
 * What must be in storage before a reply may leave: bounds of the level, of what is lent and of the terms. Each has room for what
 * will be lent within a second, so that one write a second is enough for steady traffic. A burst, which the last seconds did
 * not foretell, writes again each time that it has become half as large again.
 */
export type Reserve = {
  /** At least this is left. */
  readonly level: number;
  /** At most this is lent: sums of rates, and of what may be in hand. */
  readonly rho: number;
  readonly out: number;
  /** An instance lends by this reserve until then. */
  readonly quiet: number;
  /** No lease or credit lent by it lasts longer. */
  readonly until: number;
};
const RESERVE_MS = 1000;
/** How far the clocks of two machines may be apart. An object that was idle has been gone for longer. */
const SKEW_MS = 5000;
/** What may be lent beyond what is lent already, as a part of all there is. */
const ROOM = 1 / 100;

/** The reserve to write, or undefined while `stored` still covers what was lent at `now`. */
export function reserveFor(
  bucket: Bucket,
  stored: Reserve | undefined,
  lent: LeaseReply,
  now: number,
): Reserve | undefined {
  if (lent.kind === "wait") return undefined;
  const until = now + lent.forMs + graceMs(lent.forMs);
  const { level, rho, out } = bucket;
  const current = stored && now <= stored.quiet && until <= stored.until;
  if (current && level >= stored.level && rho <= stored.rho && out <= stored.out) return undefined;
  const { perMs, burst } = bucket.capacity;
  // What outgrows its room within the second may grow to all there is.
  const rhoRoom = current && rho > stored.rho ? perMs : ROOM * perMs;
  const outRoom = current && out > stored.out ? burst : ROOM * burst;
  return {
    level: levelAhead(bucket, now),
    rho: Math.min(Math.max(perMs, rho), rho + rhoRoom),
    out: Math.min(Math.max(burst, out), out + outRoom),
    quiet: now + RESERVE_MS,
    until: Math.max(stored?.until ?? 0, until + RESERVE_MS),
  };
}

/** What will be left in a second. What this is too low by is lost in a restart; where it is too high, it is written again. */
const levelAhead = ({ level, capacity: { perMs, credit }, taken }: Bucket, now: number): number =>
  Math.max(-credit, level - Math.floor(RESERVE_MS * Math.max(ROOM * perMs, 1.5 * perMsOf(taken, now))));

/** Puts back all that is not lent, at an operator's word: no invariant but what was admitted before. The reserve that says so. */
export function refill(bucket: Bucket, stored: Reserve, now: number): Reserve {
  settle(bucket, now);
  bucket.level = Math.max(0, bucket.capacity.burst - bucket.out);
  return { ...stored, level: levelAhead(bucket, now) };
}

/**
 * The bucket after a restart. All that is not in the reserve is taken for lent, until it must have lapsed: holders that show
 * their leases before go on with them. Until the reserve's second is over nothing is lent, since the instance before may
 * not know that it is one no longer; it can give out nothing that is not counted here. That second began before this
 * instance read the reserve, so it is over in a second by either's clock; only if it was over long ago is the other's believed.
 */
export function restored(capacity: Capacity, reserve: Reserve, now: number): Bucket {
  const quiet = Math.min(reserve.quiet + SKEW_MS, now + RESERVE_MS + graceMs(RESERVE_MS));
  const until = quiet + (reserve.until - reserve.quiet);
  // What has come since the reserve was written, the instance before may have lent until it was quiet.
  const bucket = fullBucket(capacity, quiet);
  const level = Math.min(reserve.level, capacity.burst);
  const rho = Math.min(reserve.rho, capacity.perMs);
  const out = Math.min(reserve.out, capacity.burst - Math.max(0, level));
  const reply: LeaseReply = { kind: "wait", waitMs: 0, relearning: true };
  bucket.leases.set(UNSEEN, { rho, out, until, demand: 0, seq: Infinity, reply });
  Object.assign(bucket, { level, rho, out, soonest: until, quietUntil: quiet });
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
