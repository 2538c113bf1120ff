/**
 * What waits to be exported, by OTLP's rules for senders (https://opentelemetry.io/docs/specs/otlp/#failures): one batch is under way at a time, it is sent again
 * after a time when the collector asks for that or cannot be reached, and given up when it says that it will never take it. The
 * queue is bounded, and all that is not delivered is counted.
 */
import type { Hop } from "./span.ts";
import { retryAfterMs } from "../policies/retry.ts";

/** Mutable: it is written to on every recorded request. All times in milliseconds since 1970. */
export type ExportQueue = {
  pending: Hop[];
  /** When the first of them came. */
  since: number;
  /** Taken out and not settled: it is sent again as it is. */
  batch: readonly Hop[];
  /** Sent so often in vain. */
  failures: number;
  /** Not before. */
  sendAt: number;
  /** A request is sending; one that has not come back by then was cut off. */
  sendingUntil: number;
  /** How many spans were recorded, and how many of them no collector will have. */
  recorded: number;
  lost: number;
};

export const newExportQueue = (): ExportQueue => ({
  pending: [],
  since: 0,
  batch: [],
  failures: 0,
  sendAt: 0,
  sendingUntil: 0,
  recorded: 0,
  lost: 0,
});

/** Hops of some kilobytes each: two megabytes at most. */
const MOST_PENDING = 512;
export const BATCH = 64;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** A longer one is taken for a mistake. */
const LONGEST_ASKED_MS = 300_000;

export function enqueue(queue: ExportQueue, hop: Hop, now: number): void {
  queue.recorded += hop.spans.length;
  if (queue.pending.length >= MOST_PENDING) {
    queue.lost += hop.spans.length;
    return;
  }
  if (queue.pending.length === 0) queue.since = now;
  queue.pending.push(hop);
}

/** Whether to send now: by count, by age, and what is to be sent again when its time has come. */
export function isExportDue(queue: ExportQueue, now: number, everyMs: number): boolean {
  if (now < queue.sendingUntil || now < queue.sendAt) return false;
  if (queue.batch.length > 0) return true;
  return queue.pending.length >= BATCH || (queue.pending.length > 0 && now - queue.since >= everyMs);
}

export const hasRest = ({ batch, pending }: ExportQueue): boolean => batch.length > 0 || pending.length > 0;

/** What to send, which is taken for under way for `limitMs`. */
export function nextBatch(queue: ExportQueue, now: number, limitMs: number): readonly Hop[] {
  queue.sendingUntil = now + limitMs;
  if (queue.batch.length === 0) {
    queue.batch = queue.pending.slice(0, BATCH);
    queue.pending = queue.pending.slice(BATCH);
    queue.since = now;
  }
  return queue.batch;
}

/** What became of a batch. `retryAfterMs` is what the collector asked for, if it did. */
export type Delivery =
  | {
      readonly kind: "taken";
      /** Of the batch; the collector will not take them later either. */ readonly rejected: number;
    }
  | { readonly kind: "refused" }
  | { readonly kind: "later"; readonly retryAfterMs?: number };

/** `random` is 0 to 1. */
export function settle(queue: ExportQueue, delivery: Delivery, now: number, random: number): void {
  queue.sendingUntil = 0;
  if (delivery.kind === "later") {
    const grown = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** queue.failures);
    queue.failures += 1;
    const asked = delivery.retryAfterMs;
    // Spread, so that isolates that failed together do not come back together; what was asked for is the least.
    queue.sendAt =
      now +
      (asked === undefined ? grown * (0.5 + random / 2) : Math.min(asked, LONGEST_ASKED_MS) + random * FIRST_WAIT_MS);
    return;
  }
  queue.lost += delivery.kind === "refused" ? spansIn(queue.batch) : Math.min(delivery.rejected, spansIn(queue.batch));
  queue.batch = [];
  queue.failures = 0;
  queue.sendAt = 0;
}

const spansIn = (hops: readonly Hop[]): number => hops.reduce((sum, { spans }) => sum + spans.length, 0);

/** Statuses after which a batch may be sent again, as the specification lists them. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What a collector's answer means. `retryAfter` is the header's text; `rejected` is what its body says was not taken. */
export function deliveryOf(status: number, retryAfter: string | null, rejected: number, now: number): Delivery {
  if (status >= 200 && status < 300) return { kind: "taken", rejected };
  if (!RETRYABLE.has(status)) return { kind: "refused" };
  const asked = retryAfterMs(retryAfter, now);
  return { kind: "later", ...(asked !== undefined && { retryAfterMs: asked }) };
}
