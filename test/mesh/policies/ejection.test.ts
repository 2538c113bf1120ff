import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../mesh/outcome.ts";
import { GOOD, isEjected, judge, mayEject, type Standing } from "../../../mesh/policies/ejection.ts";

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
