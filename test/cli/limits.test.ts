import { expect, it } from "vitest";
import type { LimitsResponse } from "../../mesh/api.ts";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";

const limit = { per: 100, windowMs: 1000, burst: 100, wanted: 0, refused: 0 };
const items: LimitsResponse["items"] = [
  {
    ...limit,
    limit: "shop/api/each",
    key: '["bob"]',
    mode: "strict",
    level: 0.4,
    lent: 7,
    leases: 2,
    wanted: 31.5,
    refused: 12,
  },
  {
    ...limit,
    limit: "shop/api/each",
    key: `sha256:${"0".repeat(64)}`,
    mode: "strict",
    level: 100,
    lent: 0,
    leases: 0,
    wanted: 1,
  },
  { ...limit, limit: "shop/api/all", key: "[]", mode: "bounded", level: -3, lent: 103, leases: 20, wanted: 120 },
  { ...limit, limit: "shop/trial/all", key: "[]", mode: "strict", dryRun: true, wanted: 5, refused: 1 },
  { ...limit, limit: "shop/own/flood", key: "[]", mode: "local" },
];
const script = {
  "GET /v1/limits": ({ path }: { path: string }) => {
    const name = new URL(path, "http://x").searchParams.get("name") ?? "";
    return { body: { epoch: 7, items: items.filter((one) => `${one.limit}/${one.key}`.includes(name)) } };
  },
  "POST /v1/limits/reset": { body: { buckets: 1 } },
};

it.each([
  ["limits", "limits"],
  ["limits-json", "limits bob -o json"],
  ["limits-none", "limits nothing"],
  ["limits-reset", "limits reset shop/api/each"],
])("%s", async (golden, line) => {
  await using control = await FakeControl.start(script);
  expect(await selvedge(line, { control })).toMatchGolden(golden);
});

it("reset names what it means whole", async () => {
  await using control = await FakeControl.start(script);
  await selvedge("limits reset shop/api", { control });
  expect(control.asked.map(({ method, body }) => [method, body])).toEqual([["POST", { name: "shop/api" }]]);
});
