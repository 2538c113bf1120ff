import { describe, expect, it } from "vitest";
import { ratioRow, table, valueRow } from "../../bench/row.ts";

const named = { name: "edge: requests/s", unit: "1/s" };
const comparison = { value: 90, baseline: 100, ratio: 0.9, spread: 0.01 };

describe("a row", () => {
  it.each([
    ["keeps a budget from below", { atLeast: 0.85 }, false, ">= 0.85", true],
    ["breaks a budget from below", { atLeast: 0.95 }, false, ">= 0.95", false],
    ["keeps a budget from above", { atMost: 0.9 }, false, "<= 0.9", true],
    ["breaks a budget from above", { atMost: 0.89 }, false, "<= 0.89", false],
    ["passes nothing when requests failed", { atLeast: 0.85 }, true, ">= 0.85", false],
    ["passes nothing when requests failed, budget or not", undefined, true, null, false],
    ["has nothing to pass without a budget", undefined, false, null, null],
  ])("%s", (_, bound, failed, budget, pass) => {
    expect(ratioRow(named, comparison, bound, failed)).toEqual({ ...named, ...comparison, budget, pass });
  });

  it("of a quantity names the unit in its budget", () => {
    expect(valueRow({ name: "bundle", unit: "KB" }, 121, null, { atMost: 120 })).toEqual({
      name: "bundle",
      unit: "KB",
      value: 121,
      baseline: null,
      ratio: null,
      spread: null,
      budget: "<= 120 KB",
      pass: false,
    });
  });

  it("is a line of the table", () => {
    const rows = [ratioRow(named, comparison, { atLeast: 0.95 }), valueRow({ name: "bundle", unit: "KB" }, 12_345.6)];
    expect(table(rows).split("\n")).toEqual([
      "name              value  unit  baseline  ratio  spread  budget   pass",
      "edge: requests/s   90.0  1/s        100  0.900  0.0100  >= 0.95  NO",
      "bundle            12346  KB           -      -       -  -        -",
    ]);
  });
});
