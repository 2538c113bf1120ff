/** Isolates and their collector together: whatever is lost, repeated or killed, the account holds the truth. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accept, accounts, type Collector, newCollector, sweep } from "../../../mesh/telemetry/collector.ts";
import type { Flush } from "../../../mesh/telemetry/flush.ts";
import {
  acknowledged,
  begin,
  finish,
  isDue,
  isQuiet,
  newRecorder,
  nextFlush,
  type Recorder,
  unanswered,
} from "../../../mesh/telemetry/recorder.ts";
import type { Labels } from "../../../mesh/telemetry/series.ts";

const labels = (over: Partial<Labels> = {}): Labels => ({
  caller: "",
  callee: "shop/cart",
  route: "shop/cart",
  rule: "0",
  method: "GET",
  backend: "Service/shop/cart:80",
  class: "2xx",
  cause: "",
  ...over,
});

const LIMIT_MS = 1000;
const EVERY_MS = 10_000;
const about = { edge: "edge", colo: "AMS", epoch: 1 };

type Event =
  | { readonly kind: "calls"; readonly isolate: number; readonly count: number; readonly failing: boolean }
  | { readonly kind: "flush"; readonly isolate: number; readonly fate: "arrives" | "lost" | "reply lost" | "twice" }
  | { readonly kind: "kill"; readonly isolate: number }
  /** To its state at the last `store`: an object does not lose what it acknowledged, but an operator can set it back. */
  | { readonly kind: "store" | "restore" }
  | { readonly kind: "wait"; readonly ms: number };

const isolates = fc.integer({ min: 0, max: 3 });
const harmless: fc.Arbitrary<Event>[] = [
  fc.record({
    kind: fc.constant("calls" as const),
    isolate: isolates,
    count: fc.integer({ min: 1, max: 300 }),
    failing: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("flush" as const),
    isolate: isolates,
    fate: fc.constantFrom("arrives" as const, "lost" as const, "reply lost" as const, "twice" as const),
  }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
];
const killing: fc.Arbitrary<Event>[] = [
  ...harmless,
  fc.record({ kind: fc.constant("kill" as const), isolate: isolates }),
];

/** Runs the events over four isolates and one collector. */
function run(events: readonly Event[]) {
  let now = 1_800_000_000_000;
  let born = 0;
  let truth = 0;
  let failedTruth = 0;
  let collector = newCollector();
  let stored = structuredClone(collector);
  const recorders = Array.from({ length: 4 }, () => newRecorder(`i${born++}`));

  const deliver = (message: Flush) => accept(collector, structuredClone(message), () => undefined, now);
  const flush = (recorder: Recorder, fate: "arrives" | "lost" | "reply lost" | "twice") => {
    const message = nextFlush(recorder, about, now, LIMIT_MS);
    if (fate !== "lost") deliver(message);
    if (fate === "twice") deliver(message);
    if (fate === "arrives" || fate === "twice") acknowledged(recorder, message.seq);
    else unanswered(recorder, now, 0);
  };
  for (const event of events) {
    const recorder = "isolate" in event ? recorders[event.isolate]! : undefined;
    now += 10;
    if (event.kind === "calls" && recorder)
      for (let n = 0; n < event.count; n++) {
        begin(recorder);
        const of = labels(event.failing ? { class: "5xx", cause: "upstream-unreachable" } : {});
        const seen = {
          at: now,
          ms: 3,
          attempts: 1,
          hedges: 0,
          requestBytes: 0,
          responseBytes: 10,
          degraded: false,
          wouldDeny: false,
        };
        finish(recorder, { labels: of, ...seen });
        truth++;
        if (event.failing) failedTruth++;
        // As the edge does: whoever finishes a call and finds a flush due sends it.
        if (isDue(recorder, now, EVERY_MS)) flush(recorder, "arrives");
      }
    else if (event.kind === "flush" && recorder && isDue(recorder, now, EVERY_MS)) flush(recorder, event.fate);
    else if (event.kind === "kill" && recorder) recorders[event.isolate] = newRecorder(`i${born++}`);
    else if (event.kind === "store") stored = structuredClone(collector);
    else if (event.kind === "restore") collector = structuredClone(stored);
    else if (event.kind === "wait") {
      now += event.ms;
      // As each isolate's last request does before it ends.
      for (const one of recorders) if (isQuiet(one, now) || isDue(one, now, EVERY_MS)) flush(one, "arrives");
    }
  }
  for (const recorder of recorders) {
    // What was sent and not acknowledged goes first, and then what came since.
    if (recorder.unacknowledged) flush(recorder, "arrives");
    if (recorder.pending.length > 0) flush(recorder, "arrives");
  }
  now += 100_000;
  sweep(collector, now);
  return { truth, failedTruth, collector, account: accounts(collector, now) };
}

const failedIn = ({ series, undetailed }: Collector): number =>
  series.reduce((sum, one) => sum + (one.labels.class === "5xx" ? one.total.requests : 0), undetailed.failed);

describe("Every finished request is counted once, or is inside a reported loss interval", () => {
  it("counts exactly while no isolate is killed, whatever messages are lost or repeated", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...harmless), { maxLength: 60 }), (events) => {
        const { truth, failedTruth, collector, account } = run(events);
        expect(account.reported).toBe(truth);
        expect(failedIn(collector)).toBe(failedTruth);
      }),
    );
  });

  it("keeps the truth between what is reported and that plus what can be lost, when isolates are killed", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...killing), { maxLength: 60 }), (events) => {
        const { truth, account } = run(events);
        expect(account.pendingMax).toBe(0);
        expect(account.reported).toBeLessThanOrEqual(truth);
        expect(account.reported + account.lostMax).toBeGreaterThanOrEqual(truth);
      }),
    );
  });

  it("declares no loss of an isolate that said it had nothing left", () => {
    const wait = { kind: "wait", ms: 20_000 } as const;
    const calls = { kind: "calls", isolate: 0, count: 5, failing: false } as const;
    const { account } = run([calls, wait, wait, { kind: "kill", isolate: 0 }]);
    expect(account).toEqual({ reported: 5, undetailed: 0, pendingMax: 0, lostMax: 0 });
  });

  it("knows the number of calls whose detail was lost when the collector was set back", () => {
    const calls = { kind: "calls", isolate: 0, count: 40, failing: false } as const;
    const wait = { kind: "wait", ms: 20_000 } as const;
    const { account } = run([calls, { kind: "store" }, calls, wait, { kind: "restore" }, calls]);
    expect(account.reported).toBe(120);
    expect(account.undetailed).toBe(79);
  });
});
