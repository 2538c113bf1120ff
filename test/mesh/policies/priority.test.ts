import fc from "fast-check";
import { expect, it } from "vitest";
import { shares } from "../../../mesh/policies/priority.ts";

it.each([
  [
    [1, 1],
    [1, 0],
  ],
  [
    [0.72, 1],
    [1, 0],
  ],
  [
    [0.5, 1],
    [0.7, 0.3],
  ],
  [
    [0, 0.25, 1],
    [0, 0.35, 0.65],
  ],
  [
    [0.25, 0.25],
    [0.5, 0.5],
  ],
  [
    [0, 0],
    [1, 0],
  ],
])("levels that are well to %j share the traffic %j", (health, expected) => {
  for (const [level, share] of shares(health).entries()) expect(share).toBeCloseTo(expected[level]!);
});

/** The invariant: shares add up to 1, none is negative, and a level that is ill throughout gets nothing while another is not. */
it("spreads the whole of the traffic, and none where nobody is well", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 }), (health) => {
      const spread = shares(health);
      expect(spread.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
      expect(
        spread.every(
          (share, level) => share >= 0 && (share === 0 || health[level]! > 0 || health.every((one) => one === 0)),
        ),
      ).toBe(true);
    }),
  );
});
