import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answered, arrived, newPace, takeCopy } from "../../../mesh/policies/hedge.ts";

const POLICY = { percentile: 0.95, leastMs: 5, share: 0.04 };

describe("a copy is sent", () => {
  it("not before a hundred answers say how long answers take", () => {
    const pace = newPace();
    for (let time = 0; time < 99; time++) answered(pace, POLICY, 10);
    expect(pace.delayMs).toBeUndefined();
    answered(pace, POLICY, 10);
    expect(pace.delayMs).toBeGreaterThan(9.7);
    expect(pace.delayMs).toBeLessThan(10.3);
  });

  it("after the time that nineteen of twenty answers take", () => {
    const pace = newPace();
    for (let time = 0; time < 400; time++) answered(pace, POLICY, time % 25 === 0 ? 1000 : 20);
    expect(pace.delayMs).toBeGreaterThan(19);
    expect(pace.delayMs).toBeLessThan(21);
  });

  it("no earlier than the policy says, however fast answers are", () => {
    const pace = newPace();
    for (let time = 0; time < 100; time++) answered(pace, POLICY, 0.2);
    expect(pace.delayMs).toBe(5);
  });

  it("by what was so lately: two thousand answers later nothing is left of a slow time", () => {
    const pace = newPace();
    for (let time = 0; time < 1000; time++) answered(pace, POLICY, 500);
    for (let time = 0; time < 2000; time++) answered(pace, POLICY, 10);
    expect(pace.delayMs).toBeLessThan(11);
  });

  it("for no more than its share of the requests, in whatever order they come", () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 3000 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (slow, share) => {
          const pace = newPace();
          let copies = 0;
          for (const one of slow) {
            arrived(pace, { ...POLICY, share });
            if (one && takeCopy(pace)) copies++;
          }
          expect(copies).toBeLessThanOrEqual(share * slow.length + 1e-6);
        },
      ),
    );
  });
});
