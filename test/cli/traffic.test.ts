import { expect, it } from "vitest";
import type { MetricsResponse } from "../../mesh/api.ts";
import { toWire } from "../../mesh/telemetry/flush.ts";
import { type Grouping, query, type Where } from "../../mesh/telemetry/query.ts";
import { emptyTally, type Labels } from "../../mesh/telemetry/series.ts";
import { type Asked, FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";

const cart = {
  caller: "shop/web",
  callee: "shop/cart",
  route: "shop/cart",
  rule: "",
  method: "GET",
  backend: "Service/shop/cart:80",
  class: "2xx",
  cause: "",
} satisfies Labels;
const pay = { ...cart, callee: "bank/pay", route: "bank/pay", rule: "pay", method: "POST" } satisfies Labels;
const CALLS: readonly (readonly [labels: Labels, requests: number, bucket: number])[] = [
  [cart, 1199, 32],
  [{ ...cart, class: "5xx" }, 1, 160],
  [{ ...cart, caller: "" }, 300, 32],
  [{ ...pay, caller: "shop/cart", backend: "Backend/bank/pay-v1" }, 90, 80],
  [{ ...pay, caller: "shop/cart", backend: "Backend/bank/pay-v2", class: "5xx" }, 10, 96],
  // Nobody's route took it.
  [{ ...cart, caller: "", callee: "", route: "", backend: "", class: "4xx", cause: "no-route" }, 7, -16],
];

/** Answers as control does, from one collector. */
const script = (missing: number, calls = CALLS) => ({
  "GET /v1/metrics": ({ path }: Asked) => {
    const { by = "", last = "", ...where } = Object.fromEntries(new URL(path, "http://x").searchParams);
    const ranges = [
      {
        slotSeconds: 1,
        series: calls.map(([labels]) => labels),
        cells: calls.map(([, requests, bucket], n) => {
          const tally = { ...emptyTally(), requests, attempts: requests, latency: new Map([[bucket, requests]]) };
          return [1000, n, ...toWire(tally)] as const;
        }),
      },
    ];
    const time = { from: 1000, to: 1000 + Number(last), step: Number(last) };
    const groups = query(ranges, by.split(",") as Grouping[], time, where as Where);
    return { body: { ...time, groups, missing } satisfies MetricsResponse };
  },
});

it.each([
  ["stat", "stat"],
  ["stat-wide", "stat services -o wide --window 2m"],
  ["stat-one", "stat svc/cart"],
  ["stat-from", "stat --from shop/cart"],
  ["stat-namespaces", "stat ns"],
  ["stat-routes", "stat hr -n bank"],
  ["stat-backends", "stat backends"],
  ["stat-json", "stat svc pay -o json"],
  ["stat-unknown", "stat pods"],
  ["stat-none", "stat svc/none"],
  ["edges", "edges"],
  ["edges-wide", "edges -n bank -o wide"],
  ["edges-json", "edges -n bank -o json"],
  ["top", "top"],
  ["top-errors", "top --sort errors -o wide -n bank"],
  ["top-json", "top -n bank -o json"],
])("%s", async (golden, line) => {
  await using control = await FakeControl.start(script(0));
  expect(await selvedge(line, { control })).toMatchGolden(golden);
});

it("says whose part is missing", async () => {
  await using control = await FakeControl.start(script(2));
  expect(await selvedge("edges", { control })).toMatchGolden("edges-missing");
});

it.each(["stat", "edges", "top"])("%s says where there is nothing", async (command) => {
  await using control = await FakeControl.start(script(0, []));
  const { stdout, stderr, code } = await selvedge(command, { control });
  expect([stdout, code]).toEqual(["", 0]);
  expect(stderr).toContain("No such calls within the last");
});
