import fc from "fast-check";
import { expect, it } from "vitest";
import { boarding, type Flight, land, type Landed, pauseBefore, takeOff } from "../../../mesh/policies/flight.ts";

const landed = (how: Landed): Flight => {
  const flight = takeOff(1000);
  land(flight, how, 2000);
  return flight;
};

it.each<[string, Flight | undefined, number, string]>([
  ["where nobody asks", undefined, 1000, "lead"],
  ["while another asks", takeOff(1000), 25_999, "follow"],
  ["when the other was cut off", takeOff(1000), 26_000, "lead"],
  ["once the other has its answer", landed({ kind: "kept" }), 2000, "lead"],
  ["once the other has failed", landed({ kind: "failed" }), 2000, "lead"],
  ["after an answer that is nobody else's", landed({ kind: "alone" }), 11_999, "alone"],
  ["a while after it", landed({ kind: "alone" }), 12_000, "lead"],
])("%s, a request asks accordingly", (_, flight, now, expected) => {
  expect(boarding(flight, now)).toBe(expected);
});

it("looks soon at first, and never seldom", () => {
  expect([1, 2, 3, 4, 5, 100].map(pauseBefore)).toEqual([2, 4, 8, 16, 20, 20]);
});

/** Invariant: at any time at most one request asks in everyone's place, and whoever follows is free by the time that flight may last. */
it("one asks for all, and nobody follows for ever, whatever becomes of those who ask", () => {
  const step = fc.record({
    waitMs: fc.nat(30_000),
    /** The one who asks comes back with this, if anybody asks: undefined is cut off without a word. */
    lands: fc.option(fc.constantFrom<Landed["kind"]>("kept", "alone", "failed"), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      let now = 0;
      let flight: Flight | undefined;
      let leading: { readonly until: number } | undefined;
      for (const { waitMs, lands } of steps) {
        now += waitMs;
        const flies = leading !== undefined && now < leading.until;
        const waits = flight !== undefined && now < flight.until;
        const role = boarding(flight, now);
        expect(role).toBe(flies ? "follow" : waits ? "alone" : "lead");
        if (role === "lead") {
          flight = takeOff(now);
          leading = { until: flight.until };
        }
        if (lands !== undefined && leading && now < leading.until) {
          land(flight!, { kind: lands }, now);
          leading = undefined;
        }
        expect(boarding(flight, flight!.until)).toBe("lead");
      }
    }),
  );
});
