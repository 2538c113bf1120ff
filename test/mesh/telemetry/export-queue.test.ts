import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BATCH,
  type Delivery,
  deliveryOf,
  enqueue,
  hasRest,
  isExportDue,
  newExportQueue,
  nextBatch,
  settle,
} from "../../../mesh/telemetry/export-queue.ts";
import type { Hop, Span } from "../../../mesh/telemetry/span.ts";

const hop = (name: string, spans = 1): Hop =>
  ({
    trace: { traceId: name },
    spans: Array.from({ length: spans }, () => ({}) as Span),
    kept: undefined,
  }) as unknown as Hop;
const EVERY = 10_000;

describe("an answer means", () => {
  it.each<[number, string | null, Delivery]>([
    [200, null, { kind: "taken", rejected: 2 }],
    [400, "5", { kind: "refused" }],
    [401, null, { kind: "refused" }],
    [500, null, { kind: "refused" }],
    [429, "5", { kind: "later", retryAfterMs: 5000 }],
    [503, "Thu, 01 Jan 1970 00:00:03 GMT", { kind: "later", retryAfterMs: 2000 }],
    [502, null, { kind: "later" }],
    [504, "soon", { kind: "later" }],
  ])("%d with Retry-After %j", (status, retryAfter, delivery) => {
    expect(deliveryOf(status, retryAfter, 2, 1000)).toEqual(delivery);
  });
});

describe("what is recorded", () => {
  it("goes by age, or when it is many", () => {
    const queue = newExportQueue();
    expect(isExportDue(queue, 0, EVERY)).toBe(false);
    enqueue(queue, hop("a"), 100);
    expect([isExportDue(queue, 10_099, EVERY), isExportDue(queue, 10_100, EVERY)]).toEqual([false, true]);
    for (let n = 1; n < BATCH; n++) enqueue(queue, hop("b"), 101);
    expect(isExportDue(queue, 101, EVERY)).toBe(true);
  });

  it("goes again as it was, after the time that was asked for and no earlier", () => {
    const queue = newExportQueue();
    enqueue(queue, hop("a"), 0);
    const first = nextBatch(queue, 10_000, 5000);
    enqueue(queue, hop("b"), 10_001);
    expect(isExportDue(queue, 12_000, EVERY)).toBe(false);
    settle(queue, { kind: "later", retryAfterMs: 7000 }, 12_000, 0);
    expect([isExportDue(queue, 18_999, EVERY), isExportDue(queue, 19_000, EVERY)]).toEqual([false, true]);
    expect(nextBatch(queue, 19_000, 5000)).toBe(first);
    settle(queue, { kind: "taken", rejected: 0 }, 19_001, 0);
    expect([queue.lost, hasRest(queue), nextBatch(queue, 30_000, 5000).length]).toEqual([0, true, 1]);
  });

  it("waits twice as long each time, and a minute at most, with a part of it left to chance", () => {
    const waits = [0, 1].map((random) => {
      const queue = newExportQueue();
      enqueue(queue, hop("a"), 0);
      return Array.from({ length: 8 }, () => {
        nextBatch(queue, 0, 1);
        settle(queue, { kind: "later" }, 0, random);
        return queue.sendAt;
      });
    });
    expect(waits).toEqual([
      [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
      [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000],
    ]);
  });

  it("is sent by another when whoever sent it was cut off", () => {
    const queue = newExportQueue();
    enqueue(queue, hop("a"), 0);
    const first = nextBatch(queue, 0, 5000);
    expect([isExportDue(queue, 4999, EVERY), isExportDue(queue, 5000, EVERY)]).toEqual([false, true]);
    expect(nextBatch(queue, 5000, 5000)).toBe(first);
  });

  /** recorded = taken by the collector + lost + still there, whatever happens, and nothing is taken twice. */
  it("is delivered once, counted as lost, or still there", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("record" as const),
        spans: fc.integer({ min: 1, max: 5 }),
        times: fc.integer({ min: 1, max: 400 }),
      }),
      fc.record({ kind: fc.constant("taken" as const), rejected: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ kind: fc.constant("refused" as const) }),
      fc.record({ kind: fc.constant("later" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = newExportQueue();
        const delivered = new Set<Hop>();
        let rejected = 0;
        let twice = 0;
        let now = 0;
        const count = (hops: Iterable<Hop>): number =>
          Array.from(hops).reduce((sum, { spans }) => sum + spans.length, 0);
        for (const one of steps) {
          now += 400_000;
          if (one.kind === "record") {
            for (let n = 0; n < one.times; n++) enqueue(queue, hop("a", one.spans), now);
            continue;
          }
          if (!isExportDue(queue, now + EVERY, EVERY)) continue;
          const batch = nextBatch(queue, now, 1000);
          if (one.kind === "taken") {
            twice += batch.filter((each) => delivered.has(each)).length;
            for (const each of batch) delivered.add(each);
            rejected += one.rejected > count(batch) ? count(batch) : one.rejected;
          }
          settle(queue, one, now, 0.5);
        }
        const there = count(queue.batch) + count(queue.pending);
        expect(twice).toBe(0);
        expect(queue.recorded).toBe(count(delivered) - rejected + queue.lost + there);
        expect(queue.pending.length).toBeLessThanOrEqual(512);
      }),
    );
  });
});
