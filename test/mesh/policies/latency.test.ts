import fc from "fast-check";
import { expect, it } from "vitest";
import { atLeast, expectedMs, type Latency, observe, penaltyMs } from "../../../mesh/policies/latency.ts";

it("a slower answer counts at once and whole; quicker ones over ten seconds, and silence as well", () => {
  const slow = observe(observe(undefined, 10, 0), 200, 0);
  expect(slow).toEqual({ ms: 200, at: 0 });
  expect(expectedMs(slow, 10_000)).toBeCloseTo(200 / Math.E);
  expect(observe(slow, 10, 10_000).ms).toBeCloseTo(200 / Math.E + 10 * (1 - 1 / Math.E));
});

it.each([
  [1, undefined, 5000],
  [9000, undefined, 9000],
  [1, 60_000, 60_000],
  [1, 900_000, 300_000],
])("a failure after %i ms that asks for %s ms costs %i", (took, retryAfter, cost) => {
  expect(penaltyMs(took, retryAfter)).toBe(cost);
});

it("a call that was not waited for is news only where it took longer than was expected", () => {
  const known = observe(undefined, 100, 0);
  expect([atLeast(undefined, 30, 0), atLeast(known, 30, 0), atLeast(known, 130, 5)]).toEqual([
    { ms: 30, at: 0 },
    known,
    { ms: 130, at: 5 },
  ]);
});

/** The invariant: between the least and the most that was observed, once silence is left out; and never above the most. */
it("stays within what was observed", () => {
  const samples = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 9000 }), gap: fc.nat({ max: 20_000 }) }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(samples, (run) => {
      let state: Latency | undefined;
      let now = 0;
      for (const { ms, gap } of run) {
        now += gap;
        state = observe(state, ms, now);
        expect(state.ms).toBeLessThanOrEqual(Math.max(...run.map((one) => one.ms)) + 1e-6);
        expect(state.ms).toBeGreaterThanOrEqual(Math.min(...run.map((one) => one.ms)) * (1 - 1 / Math.E));
      }
    }),
  );
});
