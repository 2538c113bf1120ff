import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adjustedCount, sample, thresholdOf } from "../../../mesh/telemetry/sampling.ts";
import { parseTracestate } from "../../../mesh/telemetry/trace-context.ts";

const trace = (randomness: string) => `0123456789abcdef01${randomness}`;
const hexadecimal = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));

describe("a threshold", () => {
  it.each([
    [1, "00000000000000"],
    [0.5, "80000000000000"],
    [0.25, "c0000000000000"],
    [1 / 65536, "ffff0000000000"],
  ])("of the share %f is %s", (share, threshold) => {
    expect(thresholdOf(share)).toBe(threshold);
    expect(adjustedCount(threshold)).toBeCloseTo(1 / share, 6);
  });

  it("of none is none", () => {
    expect(thresholdOf(0)).toBeUndefined();
  });
});

describe("sampling", () => {
  const HALF = "80000000000000";
  it.each([
    // randomness, the caller's decision, its `ot`, our threshold -> sampled, at which, `ot` sent on
    ["of a new trace, within the share", "80000000000000", undefined, "", HALF, true, HALF, "th:8"],
    ["of a new trace, without it", "7fffffffffffff", undefined, "", HALF, false, undefined, undefined],
    ["of everything", "00000000000000", undefined, "", "00000000000000", true, "00000000000000", "th:0"],
    ["of nothing", "ffffffffffffff", undefined, "", undefined, false, undefined, undefined],
    ["follows the caller", "00000000000001", true, "", undefined, true, undefined, undefined],
    ["follows the caller's threshold", "f0000000000000", true, "th:c", undefined, true, "c0000000000000", "th:c"],
    ["takes the higher of two rates", "f0000000000000", true, "th:c", HALF, true, HALF, "th:8"],
    [
      "goes by explicit randomness",
      "00000000000000",
      undefined,
      "rv:90000000000000",
      HALF,
      true,
      HALF,
      "th:8;rv:90000000000000",
    ],
    ["adds what the caller left out", "f0000000000000", false, "x:1", HALF, true, HALF, "th:8;x:1"],
    ["leaves out what the caller left out", "10000000000000", false, "x:1", HALF, false, undefined, "x:1"],
    [
      "drops a threshold that contradicts the flag",
      "10000000000000",
      true,
      "th:c;x:1",
      undefined,
      true,
      undefined,
      "x:1",
    ],
    [
      "drops the threshold of what is not sampled",
      "f0000000000000",
      false,
      "th:c",
      undefined,
      false,
      undefined,
      undefined,
    ],
    ["does not vouch for a rate that nobody knows", "f0000000000000", true, "", HALF, true, undefined, undefined],
    ["passes over a threshold that is none", "f0000000000000", true, "th:xyz", undefined, true, undefined, undefined],
  ])("%s", (_what, randomness, sampled, vendor, own, isSampled, threshold, sent) => {
    const state = vendor === "" ? [] : parseTracestate(`ot=${vendor}`)!;
    expect(sample(trace(randomness), sampled, state, own)).toEqual({ sampled: isSampled, threshold, vendor: sent });
  });

  it("keeps of a lower share no trace that a higher one leaves out", () => {
    fc.assert(
      fc.property(
        hexadecimal(14),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (r, a, b) => {
          const [low, high] = [Math.min(a, b), Math.max(a, b)].map((share) =>
            sample(trace(r), undefined, [], thresholdOf(share)),
          );
          expect(low!.sampled && !high!.sampled).toBe(false);
        },
      ),
    );
  });

  it("adds up to the number of all traces", () => {
    const share = 0.05;
    const threshold = thresholdOf(share)!;
    const all = 20_000;
    let counted = 0;
    for (let n = 0; n < all; n++) {
      // Evenly spread over all 56 bits.
      const randomness = Math.floor((n / all) * 2 ** 56)
        .toString(16)
        .padStart(14, "0");
      if (sample(trace(randomness), undefined, [], threshold).sampled) counted += adjustedCount(threshold);
    }
    expect(Math.abs(counted - all)).toBeLessThanOrEqual(1 / share);
  });
});
