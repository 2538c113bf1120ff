import { expect, it } from "vitest";
import { toWire } from "../../../mesh/telemetry/flush.ts";
import { query, type Range } from "../../../mesh/telemetry/query.ts";
import { emptyTally, type Labels } from "../../../mesh/telemetry/series.ts";

const labels = (over: Partial<Labels>): Labels => ({
  caller: "",
  callee: "shop/cart",
  route: "shop/cart",
  rule: "0",
  method: "GET",
  backend: "b",
  class: "2xx",
  cause: "",
  ...over,
});
const wire = (requests: number, bucket: number) =>
  toWire({ ...emptyTally(), requests, latency: new Map([[bucket, requests]]) });

const range: Range = {
  slotSeconds: 1,
  series: [labels({}), labels({ class: "5xx", cause: "deadline-exceeded" }), labels({ callee: "shop/pay" })],
  cells: [
    [100, 0, ...wire(8, 32)],
    [101, 0, ...wire(2, 32)],
    [101, 1, ...wire(1, 160)],
    [110, 2, ...wire(4, 64)],
  ],
};
const asked = { from: 100, to: 120, step: 10 };

it("adds up all collectors by the labels asked for, the busiest first", () => {
  const groups = query([range, range], ["callee"], asked);
  expect(groups.map(({ labels: chosen, total }) => [chosen, total.requests, total.errors])).toEqual([
    [{ callee: "shop/cart" }, 22, 2],
    [{ callee: "shop/pay" }, 8, 0],
  ]);
});

it("gives a point a step, with its rate over the step", () => {
  const [all] = query([range], [], asked);
  expect(all?.points.map(({ at, requests, errors, rate }) => ({ at, requests, errors, rate }))).toEqual([
    { at: 100, requests: 11, errors: 1, rate: 1.1 },
    { at: 110, requests: 4, errors: 0, rate: 0.4 },
  ]);
  expect(all?.total.rate).toBe(0.75);
});

it("merges latencies before it takes quantiles", () => {
  const [cart] = query([range], ["callee"], asked);
  expect(cart?.total.p50).toBeCloseTo(2 ** (32.5 / 16));
  expect(cart?.total.p99).toBeCloseTo(2 ** (160.5 / 16));
});

it("adds up by the namespace of who was called, and tells how much of it came from those who are known", () => {
  const known = { ...range, series: range.series.map((one) => ({ ...one, caller: "shop/web" })) };
  const [all] = query([range, known], ["namespace"], asked);
  expect([all?.labels, all?.total.requests, all?.total.identified]).toEqual([{ namespace: "shop" }, 30, 15]);
});

it.each([
  [{ callee: "shop/pay" }, 4],
  [{ callee: "shop/cart", class: "5xx" }, 1],
  [{ namespace: "shop" }, 15],
  [{ caller: "shop/web" }, 0],
])("counts those alone that are %j", (where, requests) => {
  expect(query([range], [], asked, where)[0]?.total.requests ?? 0).toBe(requests);
});

it("has no group where there was no call", () => {
  expect(query([], ["callee"], asked)).toEqual([]);
});
