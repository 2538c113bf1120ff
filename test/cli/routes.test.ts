import { describe, expect, it } from "vitest";
import { routeRows } from "../../cli/route-rows.ts";
import { type RouteTable, type Snapshot, SNAPSHOT_FORMAT } from "../../mesh/snapshot.ts";
import { published } from "../support/published.ts";
import { FakeControl } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";

const table = (rule: number): RouteTable => ({ exact: {}, prefix: { "": [{ rule }] } });

const snapshot: Snapshot = {
  format: SNAPSHOT_FORMAT,
  listeners: [
    {
      gateways: ["shop/web"],
      port: 80,
      hostname: "",
      hosts: {
        "": table(2),
        "*.example": table(2),
        "*.shop.example": table(2),
        "shop.example": {
          exact: { "/health": [{ rule: 1 }] },
          prefix: {
            "": [
              {
                rule: 0,
                method: "POST",
                headers: [{ name: "x-canary", value: "1" }],
                query: [{ name: "v", value: "2" }],
              },
              { rule: 0 },
            ],
            "/cart": [{ rule: 3 }],
          },
        },
      },
    },
  ],
  services: { "catalog.shop": [{ port: 8080, table: table(4), consumers: { web: table(2) } }] },
  rules: [
    {
      route: "shop/storefront",
      rule: "split",
      layers: [{ kind: "deadline", ms: 2000 }],
      backends: [
        { backend: 0, weight: 90, layers: [] },
        { backend: 1, weight: 10, layers: [] },
      ],
    },
    { route: "shop/storefront", rule: "1", layers: [{ kind: "redirect", status: 302 }], backends: [] },
    { route: "ops/fallback", rule: "0", layers: [], backends: [{ backend: null, weight: 1, layers: [] }] },
    { route: "shop/cart", rule: "0", layers: [], backends: [] },
    { route: "shop/catalog", rule: "0", layers: [], backends: [{ backend: 0, weight: 1, layers: [] }] },
  ],
  backends: [
    { name: "Backend/shop/catalog-v1", endpoints: [] },
    { name: "Backend/shop/catalog-v2", endpoints: [] },
  ],
};

const { manifest, shards } = await published(snapshot);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const body = {
  epoch: 12,
  hash: "ab",
  manifest: base64(manifest),
  shards: Object.fromEntries([...shards].map(([hash, bytes]) => [hash, base64(bytes)])),
};
const script = { "GET /v1/snapshot": { body } };

describe("routes", () => {
  it.each([
    ["routes", "routes"],
    ["routes-wide", "routes -o wide"],
    ["routes-namespace", "routes -n ops"],
    ["routes-none", "routes -n nope"],
    ["routes-json", "routes -n ops -o json"],
    ["routes-host", "routes --host catalog.shop"],
    ["routes-gateway", "routes --gateway shop/other"],
  ])("%s", async (golden, args) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(args, { control })).toMatchGolden(golden);
  });

  it("puts hosts and paths in the order in which the edge tries them", () => {
    const rows = routeRows(snapshot).map(({ host, path }) => `${host} ${path.type} ${path.value}`);
    expect(rows).toEqual([
      "shop.example exact /health",
      "shop.example prefix /cart",
      "shop.example prefix /",
      "shop.example prefix /",
      "*.shop.example prefix /",
      "*.example prefix /",
      "* prefix /",
      "catalog.shop prefix /",
      "catalog.shop prefix /",
    ]);
  });

  const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: shop }
spec: { ports: [{ port: 8080 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: split, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules:
    - matches: [{ path: { type: Exact, value: /v1 } }, { path: { value: /v }, method: GET }]
      backendRefs:
        - { group: mesh.selvedge.dev, kind: Backend, name: v1, weight: 9 }
        - { group: mesh.selvedge.dev, kind: Backend, name: v2 }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: v1, namespace: shop }
spec: { endpoints: [{ url: "http://127.0.0.1:9001" }] }
`;

  it("compiles files without a control plane", async () => {
    expect(await selvedge("routes -f shop.yaml", { cwd: folder({ "shop.yaml": SERVICE }) })).toMatchGolden(
      "routes-offline",
    );
  });

  it("shows no routes of files that cannot be read", async () => {
    const { stdout, stderr, code } = await selvedge("routes -f -", { stdin: "kind: Service\n" });
    expect([stdout, code]).toEqual(["", 65]);
    expect(stderr).toContain("<stdin>:1:1: error [not-a-resource]");
  });
});
