import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseClaim, share, TREE_RETRIES } from "../../../mesh/policies/retry-tree.ts";

/** How often the dead service at the end of a chain of hops is called for one request, each hop trying as often as it may. */
function reached(attempts: readonly number[], claim?: number): number {
  const [first, ...below] = attempts;
  if (first === undefined) return 1;
  const { own, passedOn } = share(claim, first);
  let calls = reached(below, passedOn);
  for (let retry = 0; retry < own; retry++) calls += reached(below, 0);
  return calls;
}

describe("the tries of a tree of calls", () => {
  it.each([
    ["one hop", [2], 3],
    ["three hops with three tries each", [2, 2, 2], 4],
    ["five hops with three tries each", [2, 2, 2, 2, 2], 4],
    ["hops of which the first does not retry", [0, 2, 2], 4],
    ["hops of which the first was given more", [5, 2, 2], 6],
    ["hops with one retry each", [1, 1, 1, 1, 1], 4],
  ])("through %s reach its end so often", (_, attempts, expected) => {
    expect(reached(attempts)).toBe(expected);
  });

  it("A retry never multiplies down a call chain: attempts across the request tree are bounded by one budget", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10), { minLength: 1, maxLength: 6 }), (attempts) => {
        expect(reached(attempts)).toBeLessThanOrEqual(1 + Math.max(TREE_RETRIES, attempts[0]!));
      }),
    );
  });
});

describe("a claim", () => {
  const signature = "s".repeat(43);
  it.each([
    ["2", { retries: 2, minute: undefined, signature: "" }],
    [`0.29400000.${signature}`, { retries: 0, minute: 29_400_000, signature }],
    ["4", undefined],
    ["10", undefined],
    ["-1", undefined],
    ["", undefined],
    ["2.29400000.short", undefined],
    [`2.29400000.${signature}x`, undefined],
    [`2.29400000`, undefined],
  ])("of %j is read as %j", (text, expected) => {
    expect(parseClaim(text)).toEqual(expected);
  });
});
