import { DurableObject } from "cloudflare:workers";
import {
  type Concurrency,
  isUnused,
  lend,
  NONE_OUT,
  type PermitReply,
  type PermitRequest,
  type Permits,
} from "../mesh/policies/concurrency.ts";

export type ConcurrencyRequest = PermitRequest & {
  /** The configuration epoch that the isolate runs, and the limit as that epoch has it. */
  readonly epoch: number;
  readonly limit: Limit;
};

/** The permits, and the newest configuration epoch that any isolate has named. */
export type ConcurrencyReply = PermitReply & { readonly epoch: number };

type Limit = Pick<Concurrency, "limit" | "longestCallMs">;
type Stored = { readonly permits: Permits; readonly limit: Limit; readonly epoch: number };

const KEY = "permits";
/** How often it is looked whether there is anything left to keep. */
const LOOK_EVERY_MS = 60_000;

/** One limit on calls under way. It stores what it lends before it answers, so that a restart forgets none. */
export class ConcurrencyObject extends DurableObject {
  // Read back on start: an idle object is evicted, and its memory with it.
  #stored: Stored | undefined = this.ctx.storage.kv.get<Stored>(KEY);

  /** Takes permits back from an isolate and lends it others. A message that arrives twice gets the same reply. */
  async lend({ epoch, limit, ...message }: ConcurrencyRequest): Promise<ConcurrencyReply> {
    const now = Date.now();
    // For its side effect: only on touching storage is an instance stopped that another has taken over from.
    this.ctx.storage.kv.get(KEY);
    const before = this.#stored;
    // An isolate that lags behind must not bring back the limit that it still has. Its calls are as long as it says.
    const current = before && epoch < before.epoch ? { ...before.limit, longestCallMs: limit.longestCallMs } : limit;
    const { state, reply } = lend(before?.permits ?? NONE_OUT, message, current, now);
    const newest = !before || epoch >= before.epoch;
    this.#stored = { permits: state, limit: newest ? limit : before.limit, epoch: newest ? epoch : before.epoch };
    // A refusal is not worth a write: forgotten, it lends nothing.
    const had = before?.permits.out[message.holder]?.permits ?? 0;
    if (had + reply.granted > 0) this.ctx.storage.kv.put(KEY, this.#stored);
    if (!before) await this.ctx.storage.setAlarm(now + LOOK_EVERY_MS);
    return { ...reply, epoch: this.#stored.epoch };
  }

  /** Forgets everything once no permit is out; looks again later otherwise. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    if (this.#stored && !isUnused(this.#stored.permits, now)) return this.ctx.storage.setAlarm(now + LOOK_EVERY_MS);
    this.#stored = undefined;
    await this.ctx.storage.deleteAll();
  }
}
