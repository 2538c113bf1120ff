import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../mesh/outcome.ts";
import {
  admits,
  type Breaker,
  closed,
  describe as told,
  held,
  probe,
  report,
  settle,
  trip,
  waitMs,
} from "../../../mesh/policies/breaker.ts";

const policy = { failures: 4, failureRatio: 0.5, windowMs: 10_000, openMs: 1000, maxOpenMs: 5000, probes: 2 };
let seq = 0;
const evidence = (ok: number, failed: number, over = {}) => ({
  ok,
  failed,
  ageMs: 0,
  source: "a",
  seq: ++seq,
  ...over,
});
const open = (until: number, trips = 1): Breaker => ({ kind: "open", until, trips, out: [] });
const half = (trips: number, ...ids: string[]): Breaker => ({
  kind: "half-open",
  trips,
  permits: ids.map((id) => ({ id, expires: 9000 })),
  out: [],
});

describe("evidence", () => {
  it.each<[string, [number, number, number][], Breaker["kind"]]>([
    ["too few failures", [[0, 3, 0]], "closed"],
    ["enough failures", [[0, 4, 0]], "open"],
    ["enough failures, too small a share", [[5, 4, 0]], "closed"],
    ["enough failures, just the share", [[4, 4, 0]], "open"],
    [
      "failures that add up",
      [
        [0, 2, 0],
        [0, 2, 9000],
      ],
      "open",
    ],
    [
      "failures a window apart",
      [
        [0, 2, 0],
        [0, 2, 10_000],
      ],
      "closed",
    ],
    [
      "successes of an earlier window",
      [
        [9, 0, 0],
        [0, 4, 10_000],
      ],
      "open",
    ],
  ])("%s: %j leaves the circuit %s", (_, reports, kind) => {
    const end = reports.reduce<Breaker>(
      (state, [ok, failed, now]) => report(state, evidence(ok, failed), policy, now),
      closed(0),
    );
    expect(end.kind).toBe(kind);
  });

  it("counts once however often it arrives, and not at all once it was overtaken", () => {
    const first = evidence(0, 2);
    const second = evidence(0, 1);
    const states = [second, second, first, second].reduce<Breaker>(
      (state, one, at) => report(state, one, policy, at * 2000),
      closed(0),
    );
    expect(states.kind).toBe("closed");
  });

  it.each<[string, Breaker]>([
    ["an open circuit", open(1000)],
    ["a half-open one", half(1, "p")],
  ])("changes nothing of %s", (_, state) => {
    expect(report(state, evidence(0, 99), policy, 2000)).toBe(state);
    expect(report(state, evidence(99, 0), policy, 2000)).toBe(state);
  });

  it("of calls that began before the circuit closed does not open it again", () => {
    expect(report(closed(5000), evidence(0, 99, { ageMs: 101 }), policy, 5100)).toEqual(closed(5000));
    expect(report(closed(5000), evidence(0, 99, { ageMs: 100 }), policy, 5100).kind).toBe("open");
  });
});

describe("slow calls", () => {
  const slowly = { ...policy, slow: { ms: 1000, ratio: 0.5 } };
  it.each<[ok: number, slow: number, kind: Breaker["kind"]]>([
    [6, 3, "closed"],
    [9, 4, "closed"],
    [8, 4, "open"],
    [4, 4, "open"],
  ])("of %i that succeed, %i slow: %s", (ok, slow, kind) => {
    expect(report(closed(0), evidence(ok, 0, { slow }), slowly, 0).kind).toBe(kind);
    expect(report(closed(0), evidence(ok, 0, { slow }), policy, 0).kind).toBe("closed");
  });
});

describe("after it has closed, a circuit ramps up", () => {
  const ramping = { ...policy, rampMs: 10_000 };
  const after = settle(half(3, "p"), "p", "ok", ramping, 1000);

  it.each([
    [1000, 0.1],
    [2000, 0.1],
    [6000, 0.5],
    [10_000, 0.9],
    [11_000, 1],
  ])("at %i ms to a share of %d", (now, share) => {
    expect([admits(after, ramping, now, share - 0.001), admits(after, ramping, now, share)]).toEqual([
      true,
      share === 1,
    ]);
  });

  it("and not if it never was open, nor without a ramp", () => {
    expect([admits(closed(0), ramping, 1, 0.99), admits(after, policy, 1000, 0.99)]).toEqual([true, true]);
    expect(admits(open(5), ramping, 9, 0)).toBe(false);
  });

  it("opens again on half of the share, and for longer than the last time; afterwards it begins anew", () => {
    const failing = evidence(12, 4);
    expect(report(after, failing, ramping, 2000)).toEqual(open(7000, 4));
    expect(report(after, failing, ramping, 11_000).kind).toBe("closed");
    expect(trip(after, ramping, 11_000)).toEqual(open(12_000, 1));
  });

  it("tells how long ago it closed, for as long as that matters", () => {
    expect(told(after, 7, ramping, 4000)).toEqual({ kind: "closed", closedMs: 3000, trips: 3, version: 7 });
    expect(told(after, 7, ramping, 11_000)).toEqual({ kind: "closed", version: 7 });
  });
});

describe("trips", () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [4, 5000],
    [2000, 5000],
  ])("number %i opens for %i ms", (trips, forMs) => {
    const state = trips === 1 ? trip(closed(0), policy, 100) : settle(half(trips - 1, "p"), "p", "failed", policy, 100);
    expect(state).toEqual(open(100 + forMs, trips));
  });

  it("a circuit that is not closed cannot trip", () => {
    expect(trip(open(5, 3), policy, 0)).toEqual(open(5, 3));
    expect(trip(half(1), policy, 0)).toEqual(half(1));
  });
});

describe("probes", () => {
  const granted = (state: Breaker, id: string, now: number) => probe(state, id, 500, policy, now).granted;

  it("are refused while closed and until the open time has passed", () => {
    expect([granted(closed(0), "p", 0), granted(open(1000), "p", 999), granted(open(1000), "p", 1000)]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it("go up to the policy's number, and again when one lapses", () => {
    const one = probe(open(1000), "p1", 500, policy, 1000).state;
    const two = probe(one, "p2", 500, policy, 1200).state;
    expect([granted(two, "p3", 1499), granted(two, "p3", 1500), granted(two, "p2", 1499)]).toEqual([false, true, true]);
  });

  it.each<[Breaker, string, Outcome, Breaker]>([
    [half(1, "p", "q"), "p", "ok", closed(100, [{ id: "q", expires: 9000 }], 1)],
    [half(1, "p"), "p", "failed", open(2100, 2)],
    [half(1, "p", "q"), "p", "ignored", half(1, "q")],
    [half(1, "p"), "unknown", "ok", half(1, "p")],
    [open(5000), "p", "ok", open(5000)],
    [open(5000), "p", "failed", open(5000)],
    [closed(7), "p", "failed", closed(7)],
  ])("%j settled %s %s becomes %j", (state, id, outcome, next) => {
    expect(settle(state, id, outcome, policy, 100)).toEqual(next);
  });

  it("that have lapsed neither close nor open", () => {
    expect(settle(half(1, "p"), "p", "ok", policy, 9000)).toEqual(half(1, "p"));
  });

  it.each<[Breaker, number]>([
    [closed(0), 0],
    [open(700), 600],
    [open(50), 0],
    [half(1, "p"), 0],
    [half(1, "p", "q"), 1000],
  ])("%j: ask in %i ms", (state, ms) => {
    expect(waitMs(state, policy, 100)).toBe(ms);
  });
});

it("tells another clock durations alone, and is held to them", () => {
  const state = told(open(1500, 3), 7, policy, 1000);
  expect(state).toEqual({ kind: "open", forMs: 500, trips: 3, version: 7 });
  expect(held(closed(0), { forMs: 500, trips: 3 }, 90_000)).toEqual(open(90_500, 3));
});

it("gives one id one permit: asked again after the circuit has turned, it grants no second one under the same name", () => {
  const two = { ...policy, probes: 2 };
  const first = probe(probe(open(0), "a", 9000, two, 0).state, "b", 9000, two, 0).state;
  const reopened = settle(first, "a", "failed", two, 1);
  const later = probe(reopened, "b", 9000, two, 6000);
  expect([later.granted, probe(reopened, "c", 9000, two, 6000).granted]).toEqual([false, true]);
});

/**
 * The invariant, for every order of events:
 *  1. permits granted, not back and not lapsed <= probes;
 *  2. open has an end, at most maxOpenMs away;
 *  3. a circuit closes only on the success of such a permit;
 *  4. a closed circuit opens only on reports whose distinct failures within the window reach the threshold;
 *  5. no state is a dead end: given time, it is closed or grants a probe.
 */
it("keeps its invariant whatever the order, loss and repetition of events", () => {
  const id = fc.nat({ max: 3 }).map(String);
  const events = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 500, 1000, 2000, 5000) }),
      fc.record({
        do: fc.constant("report" as const),
        source: fc.constantFrom("a", "b"),
        seq: fc.integer({ min: 1, max: 9 }),
        ageMs: fc.integer({ min: 0, max: 2000 }),
      }),
      fc.record({ do: fc.constant("probe" as const), id, ttlMs: fc.constantFrom(100, 1000, 9000) }),
      fc.record({
        do: fc.constant("settle" as const),
        id,
        outcome: fc.constantFrom<Outcome>("ok", "failed", "ignored"),
      }),
    ),
    { minLength: 40, maxLength: 120 },
  );
  // What a report says is fixed by its name, as it is for one that is sent twice.
  const failedOf = (source: string, number: number) => (source.charCodeAt(0) * 7 + number * 3) % 4;

  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 3 }), (run, probes) => {
      const rules = { ...policy, probes };
      let state: Breaker = closed(0);
      let now = 0;
      const out = new Map<string, number>();
      let heard: { name: string; at: number; failed: number }[] = [];
      for (const event of run) {
        const before = state;
        let success = false;
        if (event.do === "wait") now += event.ms;
        else if (event.do === "report") {
          const { source, seq: number, ageMs } = event;
          const failed = failedOf(source, number);
          heard.push({ name: `${source}${number}`, at: now, failed });
          state = report(state, { ok: 0, failed, ageMs, source, seq: number }, rules, now);
        } else if (event.do === "probe") {
          const step = probe(state, event.id, event.ttlMs, rules, now);
          state = step.state;
          const known = out.get(event.id);
          if (step.granted && !(known !== undefined && now < known)) out.set(event.id, now + event.ttlMs);
        } else {
          success = event.outcome === "ok" && now < (out.get(event.id) ?? 0);
          out.delete(event.id);
          state = settle(state, event.id, event.outcome, rules, now);
        }
        state = JSON.parse(JSON.stringify(state)) as Breaker;

        const distinct = new Map(
          heard.filter(({ at }) => at > now - rules.windowMs).map(({ name, failed }) => [name, failed]),
        );
        const failures = [...distinct.values()].reduce((sum, failed) => sum + failed, 0);
        const turned = `${before.kind} -> ${state.kind}`;
        expect({
          "permits out": [...out.values()].filter((expires) => now < expires).length <= probes,
          "open has an end": state.kind !== "open" || state.until - now <= rules.maxOpenMs,
          "only a permit's success closes": !/(open|half-open) -> closed/.test(turned) || success,
          "evidence opens": turned !== "closed -> open" || failures >= rules.failures,
        }).toEqual({
          "permits out": true,
          "open has an end": true,
          "only a permit's success closes": true,
          "evidence opens": true,
        });
        if (state.kind === "closed" && before.kind !== "closed") heard = [];
      }
      expect(state.kind === "closed" || probe(state, "late", 1, rules, now + 15_000).granted).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
