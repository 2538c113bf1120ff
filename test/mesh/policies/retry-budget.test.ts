import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { earn, firstTokens, spend } from "../../../mesh/policies/retry-budget.ts";

const TEN_PERCENT = { percent: 10, perSecond: 0 };

/** Runs calls of an isolate that wants a retry after every failure, at the times given: how many retries it made. */
function retriesOf(calls: readonly { readonly ok: boolean; readonly at: number }[], budget = TEN_PERCENT): number {
  let held = firstTokens(budget, 0);
  let made = 0;
  for (const { ok, at } of calls) {
    if (ok) held = earn(held, budget);
    else {
      const left = spend(held, budget, at);
      if (left) made++;
      held = left ?? held;
    }
  }
  return made;
}

describe("a retry budget", () => {
  it("of a new isolate whose calls all fail is two retries, however many calls there are and however long they take", () => {
    const calls = Array.from({ length: 10_000 }, (_, index) => ({ ok: false, at: index * 1000 }));
    expect(retriesOf(calls)).toBe(2);
  });

  it("of a second's worth, where the policy has one, is refilled by time alone", () => {
    const calls = Array.from({ length: 100 }, (_, index) => ({ ok: false, at: index * 100 }));
    // 5 at once, and 5 in each of 9.9 seconds.
    expect(retriesOf(calls, { percent: 0, perSecond: 5 })).toBe(54);
  });

  it("lets no more retries through than a share of the calls that succeeded, and the first two", () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 2000 }),
        fc.integer({ min: 0, max: 100 }),
        (outcomes, percent) => {
          const calls = outcomes.map((ok, at) => ({ ok, at }));
          const successes = outcomes.filter(Boolean).length;
          expect(retriesOf(calls, { percent, perSecond: 0 })).toBeLessThanOrEqual(
            2 + (percent / 100) * successes + 1e-9,
          );
        },
      ),
    );
  });
});
