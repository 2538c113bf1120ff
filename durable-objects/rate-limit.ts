import { DurableObject } from "cloudflare:workers";
import {
  type Bucket,
  fullBucket,
  lend,
  type LeaseReply,
  type LeaseRequest,
  resize,
  settle,
} from "../mesh/policies/rate-limit-bucket.ts";
import { type Reserve, fullAt, refill, reserveFor, restored } from "../mesh/policies/rate-limit-reserve.ts";
import { capacityOf, type Limit } from "../mesh/policies/rate-limit.ts";

export type BucketRequest = LeaseRequest & {
  /** The configuration epoch that the isolate runs, and the limit as that epoch has it. */
  readonly epoch: number;
  readonly limit: Limit;
};

/** The lease, the newest configuration epoch that any isolate has named, and what is left to lend. */
export type BucketReply = LeaseReply & { readonly epoch: number; readonly level: number };

export type BucketState = { readonly level: number; readonly lent: number; readonly leases: number };

type Stored = { readonly reserve: Reserve; readonly limit: Limit; readonly epoch: number };

const KEY = "reserve";
/** A bucket that has been full for so long is forgotten: a limit by client leaves one object behind for each. */
const IDLE_MS = 60_000;

/**
 * One bucket: a limit for one key. Leases live in memory; storage holds a bound of what has been lent, with room for a second,
 * so that one write a second is enough and a restart forgets none.
 */
export class RateLimitObject extends DurableObject {
  // Read back on start: an idle object is evicted, and its memory with it.
  #stored: Stored | undefined = this.ctx.storage.kv.get<Stored>(KEY);
  #bucket: Bucket | undefined = this.#stored && bucketOf(this.#stored);
  #epoch = this.#stored?.epoch ?? 0;
  #limit: Limit | undefined = this.#stored?.limit;

  /** Lends to an isolate. A message that arrives twice gets the same reply. */
  async lease({ epoch, limit, ...message }: BucketRequest): Promise<BucketReply> {
    const now = Date.now();
    // For its side effect: only on touching storage is an instance stopped that another has taken over from.
    this.ctx.storage.kv.get(KEY);
    const bucket = (this.#bucket ??= fullBucket(capacityOf(limit), now));
    // An isolate that lags behind must not bring back the limit that it still has.
    if (epoch > this.#epoch || !this.#limit) {
      if (this.#limit && JSON.stringify(limit) !== JSON.stringify(this.#limit)) resize(bucket, capacityOf(limit), now);
      this.#limit = limit;
      this.#epoch = epoch;
    }
    const reply = lend(bucket, message, now);
    const reserve = reserveFor(bucket, this.#stored?.reserve, reply, now);
    if (reserve) {
      if (!this.#stored) await this.ctx.storage.setAlarm(now + IDLE_MS);
      this.#stored = { reserve, limit: this.#limit, epoch: this.#epoch };
      this.ctx.storage.kv.put(KEY, this.#stored);
    }
    return { ...reply, epoch: this.#epoch, level: Math.max(0, bucket.level) };
  }

  /** What is left to lend, what isolates may have in hand, and how many they are; undefined for a bucket that nobody asks. */
  async show(): Promise<BucketState | undefined> {
    this.ctx.storage.kv.get(KEY);
    if (!this.#bucket) return undefined;
    settle(this.#bucket, Date.now());
    const { level, out, leases } = this.#bucket;
    return { level, lent: out, leases: leases.size };
  }

  /** At an operator's word: all that is not lent is there again. False where nothing was missing. */
  async fillUp(): Promise<boolean> {
    this.ctx.storage.kv.get(KEY);
    if (!this.#bucket || !this.#stored) return false;
    const reserve = refill(this.#bucket, this.#stored.reserve, Date.now());
    this.#stored = { ...this.#stored, reserve };
    this.ctx.storage.kv.put(KEY, this.#stored);
    return true;
  }

  /** Clears up after the last lease: deletes a bucket that is full and idle, or looks again later. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const stored = this.ctx.storage.kv.get<Stored>(KEY);
    if (stored) {
      const idleAt = fullAt(capacityOf(stored.limit), stored.reserve) + IDLE_MS;
      if (now < idleAt) return this.ctx.storage.setAlarm(Math.max(idleAt, now + IDLE_MS));
    }
    this.#stored = this.#bucket = this.#limit = undefined;
    this.#epoch = 0;
    await this.ctx.storage.deleteAll();
  }
}

const bucketOf = ({ reserve, limit }: Stored): Bucket => restored(capacityOf(limit), reserve, Date.now());
