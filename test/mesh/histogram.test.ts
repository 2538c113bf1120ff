import fc from "fast-check";
import { expect, it } from "vitest";
import { addTo, bucketOf, type Histogram, quantile, upperBound, ZERO_BUCKET } from "../../mesh/histogram.ts";

const positive = fc.double({ min: 1e-6, max: 1e9, noNaN: true });

it("puts each value into the bucket whose bounds are around it", () => {
  fc.assert(
    fc.property(positive, (value) => {
      const index = bucketOf(value);
      // The bounds are powers that a double holds to its last place or so.
      expect(value).toBeLessThanOrEqual(upperBound(index) * (1 + 1e-12));
      expect(value).toBeGreaterThan(upperBound(index - 1) * (1 - 1e-12));
    }),
  );
});

it.each([0, -1, Number.NaN])("counts %s below everything else", (value) => {
  expect(bucketOf(value)).toBe(ZERO_BUCKET);
});

it("knows no quantile of nothing", () => {
  expect(quantile(new Map(), 0.5)).toBeUndefined();
});

it("is within 2.2 % of the value at that rank, whatever was counted", () => {
  fc.assert(
    fc.property(fc.array(positive, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const histogram: Histogram = new Map();
      for (const value of values) addTo(histogram, bucketOf(value));
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1]!;
      expect(Math.abs(quantile(histogram, q)! - exact) / exact).toBeLessThan(0.022);
    }),
  );
});

it("gives the same whether values were counted together or apart and added", () => {
  fc.assert(
    fc.property(fc.array(positive), fc.array(positive), (a, b) => {
      const together: Histogram = new Map();
      for (const value of [...a, ...b]) addTo(together, bucketOf(value));
      const apart: Histogram = new Map();
      for (const value of a) addTo(apart, bucketOf(value));
      const other: Histogram = new Map();
      for (const value of b) addTo(other, bucketOf(value));
      for (const [bucket, count] of other) addTo(apart, bucket, count);
      expect(apart).toEqual(together);
    }),
  );
});
