import fc from "fast-check";
import { expect, it } from "vitest";
import { enter, GENERATION_MS, leave, noneInFlight, underWay } from "../../../mesh/policies/in-flight.ts";

it("counts what is under way, and forgets what never came back", () => {
  const calls = noneInFlight();
  enter(calls, 1_000_000);
  enter(calls, 1_000_000);
  leave(calls, 1_000_000, 1_000_010);
  expect(underWay(calls, 1_000_010)).toBe(1);
  expect(underWay(calls, 1_000_000 + GENERATION_MS)).toBe(1);
  expect(underWay(calls, 1_000_000 + 2 * GENERATION_MS)).toBe(0);
});

/** The invariant: never less than none, and exact for calls that are younger than a generation and all come back. */
it("is exact while every call comes back within a generation", () => {
  const calls = fc.array(
    fc.record({ gap: fc.nat({ max: 9000 }), takes: fc.integer({ min: 1, max: GENERATION_MS - 1 }) }),
  );
  fc.assert(
    fc.property(calls, (run) => {
      const state = noneInFlight();
      let now = 1_000_000;
      const events = run.flatMap(({ gap, takes }) => {
        now += gap;
        return [
          { at: now, entered: now, into: true },
          { at: now + takes, entered: now, into: false },
        ];
      });
      let out = 0;
      for (const { at, entered, into } of events.toSorted((a, b) => a.at - b.at || Number(b.into) - Number(a.into))) {
        if (into) enter(state, at);
        else leave(state, entered, at);
        out += into ? 1 : -1;
        expect(underWay(state, at)).toBe(out);
      }
    }),
  );
});
