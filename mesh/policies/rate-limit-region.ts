/**
 * A bucket between isolates and a limit's root, for a key with more holders than one object can serve: to isolates it lends like
 * any bucket, towards the root it is a holder like any isolate. It keeps nothing in storage: an instance that replaces
 * another is a new holder, and what the old one was lent stays reserved at the root until it has lapsed.
 *
 * Unlike an isolate it cannot give up at once what it has lent on. A reply that leaves less than that is not taken into use before
 * it fits: until then the lesser of both is lent, and the root, which still hears of the old lease, reserves the larger. It
 * fits when the old lease lapses at the latest: nothing lent under that lasts longer.
 */
import { perMsOf } from "./flow.ts";
import {
  type Bucket,
  type Capacity,
  fullBucket,
  type LeaseReply,
  type LeaseRequest,
  settle,
} from "./rate-limit-bucket.ts";
import { ask, type Holder, isAsking, newHolder, receive } from "./rate-limit-holder.ts";

export type Region = {
  readonly bucket: Bucket;
  readonly holder: Holder;
  /** The message whose reply is in use, and what that gave. */
  using: number;
  lease: { readonly rho: number; readonly depth: number; readonly credit: number };
  next: { readonly seq: number; readonly capacity: Capacity; readonly tokens: number } | undefined;
};

/** More often than isolates: what it lends must not outlast what it was lent. */
const RENEW_PART = 0.5;
const NOTHING: Capacity = { perMs: 0, burst: 0, until: 0, credit: 0, creditUntil: 0 };

/** `id` names this instance among all holders of the root, ever. */
export const newRegion = (id: string, now: number): Region => ({
  bucket: fullBucket(NOTHING, now),
  holder: newHolder(id, now),
  using: 0,
  lease: { rho: 0, depth: 0, credit: 0 },
  next: undefined,
});

/** Whether to ask the root beside the isolate's message. */
export function isRegionDue({ bucket, holder }: Region, now: number): boolean {
  if (isAsking(holder, now) || now < holder.askAt) return false;
  return now >= holder.refreshAt || bucket.level < wanted(bucket, now) * holder.roundTrip;
}

/** Whether an isolate's message had better wait for the root: calls wait for more than there is. */
export const isShort = ({ bucket, holder }: Region, { must }: LeaseRequest, now: number): boolean =>
  must > bucket.level && !isAsking(holder, now) && now >= holder.askAt;

export function askRoot(region: Region, must: number, now: number): LeaseRequest {
  const { bucket, holder, lease, using } = region;
  settle(bucket, now);
  // The root takes back the tokens of a reply that is not in use.
  region.next = undefined;
  const alive = now < bucket.capacity.until;
  return {
    ...ask(holder, now),
    using: alive ? using : 0,
    ...(alive ? lease : { rho: 0, depth: 0, credit: 0 }),
    held: alive ? Math.max(0, bucket.level) + bucket.out : 0,
    spent: 0,
    debt: 0,
    demand: wanted(bucket, now),
    unit: 1,
    must,
    room: 1.5 * bucket.out,
  };
}

export function receiveFromRoot(region: Region, seq: number, reply: LeaseReply, now: number, random: number): void {
  const { holder, bucket } = region;
  if (holder.askingUntil === 0 || holder.seq !== seq) return;
  const sent = holder.askedAt;
  receive(holder, seq, reply, now, random);
  if (reply.kind === "wait") return;
  holder.refreshAt = now + RENEW_PART * reply.refreshMs * (0.8 + 0.4 * random);
  const until = sent + reply.forMs;
  const creditUntil = sent + reply.creditMs;
  const capacity = { perMs: reply.rho, burst: reply.depth, until, credit: reply.credit, creditUntil };
  region.next = { seq, capacity, tokens: reply.tokens };
  settle(bucket, now);
  fit(region, now);
}

/** To be called before the bucket lends: takes the newest lease into use as soon as it fits. */
export function fit(region: Region, now: number): void {
  const { bucket, next } = region;
  settle(bucket, now);
  const { capacity } = bucket;
  if (now >= capacity.until) bucket.level = Math.min(bucket.level, 0);
  if (!next) return;
  const fits = bucket.rho <= next.capacity.perMs && bucket.out <= next.capacity.burst;
  if (!fits && now < capacity.until) {
    const perMs = Math.min(capacity.perMs, next.capacity.perMs);
    const burst = Math.min(capacity.burst, next.capacity.burst);
    bucket.capacity = { ...capacity, perMs, burst };
    return;
  }
  bucket.capacity = next.capacity;
  bucket.level = Math.min(bucket.level + next.tokens, Math.max(0, next.capacity.burst - bucket.out));
  bucket.fairUntil = 0;
  region.using = next.seq;
  const { perMs: rho, burst: depth, credit } = next.capacity;
  region.lease = { rho, depth, credit };
  region.next = undefined;
}

const wanted = (bucket: Bucket, now: number): number => bucket.demand + 1.2 * perMsOf(bucket.sparse, now);
