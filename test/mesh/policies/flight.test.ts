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
