import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compare, inPairs, interquartileRange, median, quantile } from "../../bench/statistics.ts";

describe("quantiles", () => {
  it.each([
    [[5], 0.5, 5],
    [[1, 2], 0.5, 1.5],
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4, 5], 0.25, 2],
    [[1, 2, 3, 4], 0.25, 1.75],
    [[1, 2, 3, 4], 0, 1],
    [[1, 2, 3, 4], 1, 4],
    [[10, 9, 100], 0.99, 98.2],
  ])("of %j at %d is %d", (values, q, expected) => {
    expect(quantile(values, q)).toBeCloseTo(expected, 9);
  });

  it("of nothing is not a number", () => {
    expect(median([])).toBeNaN();
  });

  it("lie within the values, in order, and leave them as they were", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ noNaN: true, min: 0, max: 1 }), (given, q) => {
        const before = [...given];
        const at = quantile(given, q);
        expect(at).toBeGreaterThanOrEqual(Math.min(...given) - 1e-9);
        expect(at).toBeLessThanOrEqual(Math.max(...given) + 1e-9);
        expect(interquartileRange(given)).toBeGreaterThanOrEqual(0);
        expect(given).toEqual(before);
      }),
    );
  });
});

describe("a comparison", () => {
  it("takes the median of the pairs' ratios, not the ratio of the medians", () => {
    const pairs = [
      { baseline: 100, variant: 90 },
      { baseline: 10, variant: 8 },
      { baseline: 50, variant: 50 },
    ];
    const { value, baseline, ratio, spread } = compare(pairs);
    expect([value, baseline, ratio]).toEqual([50, 50, 0.9]);
    expect(spread).toBeCloseTo(0.1, 9);
  });

  it("is not moved by a disturbance of one whole pair", () => {
    const calm = Array.from({ length: 8 }, () => ({ baseline: 100, variant: 80 }));
    expect(compare([...calm, { baseline: 10, variant: 8 }]).ratio).toBeCloseTo(0.8, 9);
  });

  it("warms both up, then measures them in turns, each as often first as second", async () => {
    let order = "";
    let clock = 0;
    const measured = await inPairs(
      4,
      async () => ((order += "A"), ++clock),
      async () => ((order += "B"), ++clock),
    );
    expect(order).toBe("AB" + "ABBAABBA");
    expect(measured).toEqual([
      { baseline: 3, variant: 4 },
      { baseline: 6, variant: 5 },
      { baseline: 7, variant: 8 },
      { baseline: 10, variant: 9 },
    ]);
  });
});
