import { describe, expect, it } from "vitest";
import type { MetricsResponse } from "../../mesh/api.ts";
import { FakeControl } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";

const CART = `apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { ports: [{ port: 80 }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: carts, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: cart }]
  rules:
    - name: read
      from: [{ source: { serviceAccounts: [web] } }]
      to: [{ operation: { methods: [GET], paths: ["/carts/{*}"] } }]
`;
const cwd = () => folder({ "cart.yaml": CART });

describe("authz check", () => {
  it.each([
    ["authz-check-allowed", "authz check GET http://cart.shop/carts/1 --as shop/web -f cart.yaml"],
    ["authz-check-denied", "authz check PUT http://cart.shop/carts/1 --as shop/app -f cart.yaml"],
    ["authz-check-json", "authz check GET http://cart.shop/carts/1 -f cart.yaml -o json"],
    ["authz-check-no-workload", "authz check GET http://cart.shop/carts/1 --as web -f cart.yaml"],
  ])("%s needs no control plane", async (golden, args) => {
    expect(await selvedge(args, { cwd: cwd() })).toMatchGolden(golden);
  });
});

it("authz suggest prints policies for what was observed", async () => {
  const total = {
    at: 0,
    requests: 5,
    identified: 0,
    errors: 0,
    rate: 0,
    p50: 1,
    p95: 1,
    p99: 1,
    attempts: 5,
    hedges: 0,
  };
  const point = { ...total, requestBytes: 0, responseBytes: 0, degraded: 0, wouldDeny: 0 };
  const labels = { backend: "Service/shop/cart:80", route: "shop/cart", rule: "", class: "2xx" } as const;
  const body: MetricsResponse = {
    from: 0,
    to: 1,
    step: 1,
    groups: [
      { labels: { ...labels, caller: "shop/web", method: "GET" }, points: [], total: point },
      { labels: { ...labels, caller: "", method: "POST" }, points: [], total: point },
    ],
    missing: 1,
  };
  await using control = await FakeControl.start({
    "GET /v1/metrics": { body },
    "GET /v1/resources": { body: { epoch: 7, items: [] } },
  });
  expect(await selvedge("authz suggest shop/cart", { control })).toMatchGolden("authz-suggest");
});
