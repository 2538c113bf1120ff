import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRepeatable, type Retry, retryWait, type Try } from "../../../mesh/policies/retry.ts";

const policy = (more: Partial<Retry> = {}): Retry => ({ codes: [500, 503], attempts: 3, ...more });

describe("another try is made", () => {
  it.each<[string, Try, boolean]>([
    ["a status that is named", { status: 503 }, true],
    ["a status that is not", { status: 502 }, false],
    ["a success", { status: 200 }, false],
    ["no connection, or one that broke", { cause: "upstream-unreachable" }, true],
    ["an answer that was none", { cause: "upstream-invalid" }, true],
    ["a try that took too long", { cause: "deadline-exceeded" }, true],
    ["a backend without endpoints", { cause: "no-endpoint" }, false],
    ["a refusal of the mesh's own", { cause: "rate-limited" }, false],
  ])("or not after %s", (_, last, expected) => {
    expect(retryWait(policy(), 0, last, 0.5) !== undefined).toBe(expected);
  });

  it("as often as allowed", () => {
    const waits = [0, 1, 2, 3, 4].map((retries) => retryWait(policy(), retries, { status: 500 }, 0) !== undefined);
    expect(waits).toEqual([true, true, true, false, false]);
  });

  it("of a method that means the same twice", () => {
    const methods = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"];
    expect(methods.filter(isRepeatable)).toEqual(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
  });
});

describe("the wait", () => {
  it.each([
    [undefined, 0, 0.5, 12.5],
    [undefined, 2, 0.5, 50],
    [undefined, 9, 0.5, 125],
    [300, 0, 0, 300],
    [300, 1, 0, 600],
    [300, 1, 0.5, 750],
    [300, 9, 0, 3000],
  ])("with a backoff of %s ms, after %i retries, at the draw %d, is %d ms", (backoffMs, retries, random, expected) => {
    const given = policy({ attempts: 20, ...(backoffMs !== undefined && { backoffMs }) });
    expect(retryWait(given, retries, { status: 500 }, random)).toBe(expected);
  });

  it("is never shorter than the backoff that was asked for, nor longer than fifteen of them", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.nat(30),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (backoffMs, retries, random) => {
          const wait = retryWait(policy({ attempts: 99, backoffMs }), retries, { status: 500 }, random) ?? 0;
          expect(wait).toBeGreaterThanOrEqual(backoffMs);
          expect(wait).toBeLessThanOrEqual(15 * backoffMs);
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });
});
