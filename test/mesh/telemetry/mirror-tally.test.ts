import { expect, it } from "vitest";
import { addedUp, MOST_SAMPLES, type MirrorTally } from "../../../mesh/telemetry/mirror-tally.ts";

const tally = (rule: string, at: number, count = 1): MirrorTally => ({
  rule,
  mirror: "Backend/shop/next",
  at,
  same: count,
  different: count,
  failed: count,
  uncompared: 0,
  samples: [{ at, method: "GET", path: "/", differences: [{ at: "status", primary: "200", mirror: "500" }] }],
});

it("what isolates tell of one rule and mirror adds up, with the newest samples", () => {
  const all = Array.from({ length: 30 }, (_, n) => tally("b", (n * 7) % 30));
  const [a, b, ...more] = addedUp([...all, tally("a", 5, 4)]);
  expect(more).toEqual([]);
  expect([a?.rule, a?.same, b?.rule, b?.same, b?.different, b?.failed, b?.at]).toEqual(["a", 4, "b", 30, 30, 30, 29]);
  expect(b?.samples.map(({ at }) => at)).toEqual(Array.from({ length: MOST_SAMPLES }, (_, n) => 29 - n));
});
