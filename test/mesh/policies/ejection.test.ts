import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../mesh/outcome.ts";
import {
  type EjectionPolicy,
  GOOD,
  isEjected,
  judge,
  judgeRates,
  mayEject,
  type Standing,
  type Tally,
} from "../../../mesh/policies/ejection.ts";

const policy = { failures: 3, ejectMs: 1000, maxEjectMs: 2500, maxEjected: 0.5 };
const failed = (standing: Standing, times: number, now: number) =>
  Array.from({ length: times }).reduce<Standing>((state) => judge(state, "failed", true, policy, now), standing);

describe("an endpoint", () => {
  it.each<[string, Outcome[], boolean]>([
    ["two failures", ["failed", "failed"], false],
    ["three in a row", ["failed", "failed", "failed"], true],
    ["three with a success between", ["failed", "failed", "ok", "failed"], false],
    ["three with a caller that left between", ["failed", "ignored", "failed", "failed"], true],
  ])("after %s: %j, is out: %s", (_, outcomes, out) => {
    const end = outcomes.reduce<Standing>((state, outcome) => judge(state, outcome, true, policy, 0), GOOD);
    expect(isEjected(end, 0)).toBe(out);
  });

  it("is out for longer each time, up to the most, and is forgiven one time for each that it is back", () => {
    const first = failed(GOOD, 3, 0);
    const second = failed(first, 3, 1000);
    const third = failed(second, 3, 3000);
    expect([first.until, second.until, third.until]).toEqual([1000, 3000, 5500]);
    expect(failed(second, 3, 3000 + 2000).until).toBe(6000);
  });

  it("stays where too many are out already, and goes with its next failure once it may", () => {
    const many = judge({ ...GOOD, failures: 9 }, "failed", false, policy, 0);
    expect(isEjected(many, 0)).toBe(false);
    expect(isEjected(judge(many, "failed", true, policy, 0), 0)).toBe(true);
  });
});

it.each([
  [0, 1, false],
  [0, 2, true],
  [1, 2, false],
  [0, 3, true],
  [1, 3, false],
  [1, 4, true],
  [2, 4, false],
])("with %i out of %i, one more may go: %s", (out, total, may) => {
  expect(mayEject(out, total, policy)).toBe(may);
});

describe("of endpoints whose calls of an interval are compared", () => {
  const rated: EjectionPolicy = {
    ...policy,
    successRate: { intervalMs: 10_000, leastEndpoints: 5, leastCalls: 20, deviations: 1.9 },
  };
  const of = (failed: readonly number[], calls = 100): Tally[] =>
    failed.map((some) => ({ ok: calls - some, failed: some }));
  const out = (tallies: readonly Tally[], standings: readonly Standing[] = tallies.map(() => GOOD), how = rated) => [
    ...judgeRates(standings, tallies, how, 5000).keys(),
  ];

  it.each<[string, readonly Tally[], readonly number[]]>([
    ["one that fails half of the time beside nine that do not", of([0, 0, 0, 50, 0, 0, 0, 0, 0, 0]), [3]],
    ["none of ten that all fail half of the time", of([50, 50, 50, 50, 50, 50, 50, 50, 50, 50]), []],
    ["none for a single failure, though it is three deviations below the mean", of([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), []],
    ["none of too few to compare", of([100, 0, 0, 0]), []],
    ["none of too few calls to tell", of([19, 0, 0, 0, 0, 0], 19), []],
    ["none while too few of them have their calls", [...of([100, 0, 0, 0]), ...of([0, 0], 19)], []],
    ["the worst first", of([80, 0, 90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [2, 0]],
  ])("goes out %s", (_, tallies, expected) => {
    expect(out(tallies)).toEqual(expected);
  });

  it("goes out no more than may, the worst, and none that is out", () => {
    const tallies = of([80, 0, 90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(out(tallies, undefined, { ...rated, maxEjected: 0.1 })).toEqual([2]);
    const standings = tallies.map((__, index) => (index === 2 ? { ...GOOD, until: 6000 } : GOOD));
    expect(out(tallies, standings)).toEqual([0]);
  });

  /** The invariant: whoever goes out did worse than whoever had its calls and stays, and there are no more than may be. */
  it("goes out the worst, and no more than may, whatever their calls came to", () => {
    const some = fc.array(fc.record({ ok: fc.nat({ max: 60 }), failed: fc.nat({ max: 60 }), isOut: fc.boolean() }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(some, fc.constantFrom(0.1, 0.5, 1), (all, maxEjected) => {
        const standings = all.map(({ isOut }) => (isOut ? { ...GOOD, until: 6000 } : GOOD));
        const before = all.filter(({ isOut }) => isOut).length;
        const gone = new Set(out(all, standings, { ...rated, maxEjected }));
        const rate = ({ ok, failed }: Tally) => ok / (ok + failed);
        const staying = all.filter((one, index) => !gone.has(index) && !one.isOut && one.ok + one.failed >= 20);
        const best = Math.min(1, ...staying.map(rate));
        expect({
          "the worst": [...gone].every((index) => rate(all[index]!) <= best),
          "who had calls": [...gone].every((index) => all[index]!.ok + all[index]!.failed >= 20),
          "no more than may": gone.size === 0 || before + gone.size <= Math.max(1, maxEjected * all.length),
          "not the last": gone.size === 0 || before + gone.size < all.length,
        }).toEqual({ "the worst": true, "who had calls": true, "no more than may": true, "not the last": true });
      }),
      { numRuns: 500 },
    );
  });
});

/** The invariant: an ejection ends, at most maxEjectMs later; nothing but `failures` failures since the last success brings one about. */
it("keeps its invariant whatever the order of outcomes", () => {
  const steps = fc.array(
    fc.record({
      outcome: fc.constantFrom<Outcome>("ok", "failed", "ignored"),
      waitMs: fc.nat({ max: 3000 }),
      may: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(steps, (run) => {
      let [standing, now, streak] = [GOOD, 0, 0];
      for (const { outcome, waitMs, may } of run) {
        now += waitMs;
        const before = standing;
        if (!isEjected(before, now)) streak = outcome === "ok" ? 0 : streak + Number(outcome === "failed");
        standing = judge(before, outcome, may, policy, now);
        const ejects = isEjected(standing, now) && !isEjected(before, now);
        expect({
          "it ends": standing.until - now <= policy.maxEjectMs,
          "failures bring it about": !ejects || (streak >= policy.failures && may),
        }).toEqual({ "it ends": true, "failures bring it about": true });
        if (ejects) streak = 0;
      }
    }),
  );
});
