import { DurableObject } from "cloudflare:workers";
import {
  type Bucket,
  full,
  isFull,
  lease,
  type LeaseReply,
  type LeaseRequest,
  type Limit,
} from "../mesh/policies/rate-limit.ts";

export type BucketRequest = LeaseRequest & {
  /** The configuration epoch that the isolate runs, and the limit as that epoch has it. */
  readonly epoch: number;
  readonly limit: Limit;
};

/** The lease, and the newest configuration epoch that any isolate has named. */
export type BucketReply = LeaseReply & { readonly epoch: number };

type Stored = { readonly bucket: Bucket; readonly epoch: number };

const KEY = "bucket";
/** A bucket that has been full for so long is forgotten: a limit by client leaves one object behind for each. */
const IDLE_MS = 60_000;

/** One bucket: a limit for one key. It stores every lease before it answers, so that a restart forgets none. */
export class RateLimitObject extends DurableObject {
  // Read back on start: an idle object is evicted, and its memory with it.
  #stored: Stored | undefined = this.ctx.storage.kv.get<Stored>(KEY);

  /** Leases tokens to an isolate. A message that arrives twice gets the same reply. */
  async lease({ epoch, limit, ...message }: BucketRequest): Promise<BucketReply> {
    const now = Date.now();
    // For its side effect: only on touching storage is an instance stopped that another has taken over from.
    this.ctx.storage.kv.get(KEY);
    const before = this.#stored;
    // An isolate that lags behind must not bring back the limit that it still has.
    const current = before && epoch < before.epoch ? before.bucket.limit : limit;
    const { state, reply } = lease(before?.bucket ?? full(limit, now), message, current, now);
    this.#stored = { bucket: state, epoch: Math.max(epoch, before?.epoch ?? 0) };
    // A refusal is not worth a write: forgetting it takes the bucket back to a state with no more tokens to lease.
    if (reply.tokens > 0) this.ctx.storage.kv.put(KEY, this.#stored);
    if (!before) await this.ctx.storage.setAlarm(now + IDLE_MS);
    return { ...reply, epoch: this.#stored.epoch };
  }

  /** Clears up after the last lease: deletes a bucket that is full and idle, or looks again later. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const bucket = this.#stored?.bucket;
    if (bucket && (now - bucket.at < IDLE_MS || !isFull(bucket, now)))
      return this.ctx.storage.setAlarm(Math.max(now, bucket.at) + IDLE_MS);
    this.#stored = undefined;
    await this.ctx.storage.deleteAll();
  }
}
