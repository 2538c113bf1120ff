import { expect, it } from "vitest";
import type { AuditEntry, ChangesResponse } from "../../mesh/api.ts";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";

const MINUTE = 60_000;
const entry = (over: Partial<AuditEntry>): AuditEntry => ({
  id: 1,
  at: Date.now() - 5 * MINUTE,
  who: "ci (ada)",
  role: "editor",
  action: "apply",
  outcome: "done",
  status: 200,
  epoch: null,
  count: 1,
  detail: {},
  ...over,
});
const items = () => [
  entry({ who: "", role: "", action: "", outcome: "denied", status: null, count: 311 }),
  entry({ who: "eve", role: "viewer", action: "tokens", outcome: "denied", status: null }),
  entry({ action: "limits/reset", detail: { name: "shop/cart/all" } }),
  entry({ outcome: "refused", status: 422, detail: { files: ["shop.yaml"] } }),
  entry({ epoch: 12, detail: { message: "ramp\u001b[2J up", created: 0, configured: 1, deleted: 0 } }),
];
const service = (port: number) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "cart", namespace: "shop" },
  spec: { ports: [{ port }] },
});
const script = {
  "GET /v1/audit": ({ path }: { readonly path: string }) => ({
    body: { items: path.includes("who=nobody-like-this") ? [] : items() },
  }),
  "GET /v1/changes": {
    body: { epoch: 12, items: [{ before: service(80), after: service(81) }] } as unknown as ChangesResponse,
  },
};

it.each([
  ["audit", "audit"],
  ["audit-wide", "audit -o wide --limit 5"],
  ["audit-diff", "audit --diff"],
  ["audit-none", "audit --who nobody-like-this"],
  ["audit-bad-limit", "audit --limit 0"],
])("%s", async (golden, args) => {
  await using control = await FakeControl.start(script);
  expect(await selvedge(args, { control })).toMatchGolden(golden);
});

it("asks for what it was asked for, and gives scripts all of it", async () => {
  await using control = await FakeControl.start(script);
  const { stdout } = await selvedge("audit --since 1h --who ci --action apply --limit 3 -o json", { control });
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "Audit",
    items: [{ outcome: "denied", count: 311 }, {}, {}, {}, {}],
  });
  const query = new URL(control.asked[0]!.path, "http://control").searchParams;
  expect([query.get("who"), query.get("action"), query.get("limit")]).toEqual(["ci", "apply", "3"]);
  expect(Math.abs(Number(query.get("since")) - (Date.now() - 60 * MINUTE))).toBeLessThan(60_000);
});
