import { expect, it } from "vitest";
import { ago, compact, milliseconds, percent, plural, rate } from "../../dashboard/format.ts";

it.each([
  [rate, 0, "0"],
  [rate, 0.003, "<0.01"],
  [rate, 0.05, "0.05"],
  [rate, 0.42, "0.4"],
  [rate, 9.96, "10"],
  [rate, 1234, "1.2k"],
  [compact, 999, "999"],
  [compact, 12_345, "12k"],
  [compact, 2_500_000, "2.5M"],
  [milliseconds, 0, "0 ms"],
  [milliseconds, 0.4, "0.4 ms"],
  [milliseconds, 41.2, "41 ms"],
  [milliseconds, 1500, "1.5 s"],
  [milliseconds, 61_000, "61 s"],
  [ago, -5, "0 s"],
  [ago, 59_999, "59 s"],
  [ago, 3_600_000, "1 h"],
  [ago, 200_000_000, "2 d"],
])("%o says %d as %s", (say, value, text) => {
  expect(say(value)).toBe(text);
});

it.each([
  [0, 0, "–"],
  [3, 3, "100%"],
  [0, 3, "0%"],
  [999_999, 1_000_000, "99.99%"],
  [1, 1_000_000, "0.00%"],
  [1, 3, "33.3%"],
])("says %d of %d as %s: all only where it is all", (part, whole, text) => {
  expect(percent(part, whole)).toBe(text);
});

it.each([
  [0, "0 edges"],
  [1, "1 edge"],
  [1200, "1,200 edges"],
])("counts %d as %s", (n, text) => {
  expect(plural(n, "edge")).toBe(text);
});
