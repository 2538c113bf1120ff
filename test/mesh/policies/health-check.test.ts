import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ask,
  due,
  dueAt,
  failing,
  type Health,
  type HealthCheck,
  holdMs,
  isWanted,
  judge,
  passes,
} from "../../../mesh/policies/health-check.ts";

const check: HealthCheck = {
  object: "Backend/shop/api",
  path: "/ready",
  intervalMs: 10_000,
  timeoutMs: 1000,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  statuses: [
    [200, 299],
    [404, 404],
  ],
  jitter: 0.2,
};
const asked = (now = 0, addresses = ["a", "b"], epoch = 1, over: Partial<HealthCheck> = {}, state?: Health) =>
  ask(state, { check: { ...check, ...over }, epoch, addresses }, now);
const judged = (state: Health, results: readonly boolean[], now = 0, address = "a") =>
  results.reduce((health, passed) => judge(health, address, passed, now, 0), state);

describe("an endpoint", () => {
  it.each<[string, boolean[], boolean]>([
    ["that was never checked", [], false],
    ["after two failures", [false, false], false],
    ["after three in a row", [false, false, false], true],
    ["after three with a success between", [false, false, true, false], false],
    ["that passed once since it failed", [false, false, false, true], true],
    ["that passed twice in a row since", [false, false, false, true, true], false],
    ["that passed twice, not in a row", [false, false, false, true, false, true], true],
  ])("%s (%j) fails: %s", (_, results, fails) => {
    expect(failing(judged(asked(), results), 0)).toEqual(fails ? ["a"] : []);
  });

  it("fails no longer than its verdict holds", () => {
    const state = judged(asked(), [false, false, false], 500);
    expect(holdMs(check)).toBe(3 * (12_000 + 1000));
    expect(failing(state, 500 + 39_000 - 1)).toEqual(["a"]);
    expect(failing(state, 500 + 39_000)).toEqual([]);
  });
});

it.each([
  [200, true],
  [299, true],
  [302, false],
  [404, true],
  [500, false],
])("a %i passes: %s", (status, well) => {
  expect(passes(check, status)).toBe(well);
});

describe("a newer configuration", () => {
  it("keeps what is known of the endpoints that stay, and checks all at once", () => {
    const before = judged(asked(), [false, false, false], 1000);
    const after = asked(2000, ["a", "c"], 2, { path: "/other" }, before);
    expect([failing(after, 2000), due(after, 2000), after.check.path]).toEqual([["a"], ["a", "c"], "/other"]);
  });

  it("is not undone by an edge that lags behind, which renews the lease all the same", () => {
    const before = asked(0, ["a"], 2);
    const after = asked(50_000, ["z"], 1, {}, before);
    expect([Object.keys(after.endpoints), after.epoch, isWanted(after, 100_000)]).toEqual([["a"], 2, true]);
  });
});

it("checks go on for a minute after the last question, or for three intervals if that is more", () => {
  expect([isWanted(asked(), 59_999), isWanted(asked(), 60_000)]).toEqual([true, false]);
  const slow = asked(0, ["a"], 1, { intervalMs: 100_000 });
  expect([isWanted(slow, 299_999), isWanted(slow, 300_000)]).toEqual([true, false]);
});

it("an endpoint's name may be anything, and one that has gone changes nothing", () => {
  const state = asked(0, ["__proto__x", "constructor"]);
  expect(judge(state, "toString", false, 0, 0)).toBe(state);
  expect(failing(judged(state, [false, false, false], 0, "constructor"), 0)).toEqual(["constructor"]);
});

/**
 * The invariants: a verdict turns only after its threshold of contrary results in a row; the next check comes an interval
 * later, or by no more than the jitter after that; no endpoint is lost, none is due earlier than another's result makes it.
 */
it("keeps its invariants whatever the results", () => {
  const steps = fc.array(
    fc.record({
      address: fc.constantFrom("a", "b"),
      passed: fc.boolean(),
      waitMs: fc.nat({ max: 30_000 }),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(steps, (run) => {
      let [state, now] = [asked(), 0];
      const streak: Record<string, { passed: boolean; times: number }> = {};
      for (const { address, passed, waitMs, random } of run) {
        now += waitMs;
        const before = state.endpoints[address]!;
        state = judge(state, address, passed, now, random);
        const after = state.endpoints[address]!;
        const last = streak[address];
        const times = last?.passed === passed ? last.times + 1 : 1;
        streak[address] = { passed, times };
        const needed = passed ? check.healthyThreshold : check.unhealthyThreshold;
        const gap = after.nextAt - now;
        expect({
          turns: after.healthy !== before.healthy,
          inTime: gap >= check.intervalMs && gap <= check.intervalMs * (1 + check.jitter),
          endpoints: Object.keys(state.endpoints),
          first: dueAt(state),
        }).toEqual({
          turns: before.healthy !== passed && times >= needed,
          inTime: true,
          endpoints: ["a", "b"],
          first: Math.min(...Object.values(state.endpoints).map(({ nextAt }) => nextAt)),
        });
      }
    }),
  );
});
