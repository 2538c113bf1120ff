import { describe, expect, it } from "vitest";
import { FakeControl } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";
import { script } from "./shop.ts";

const SHOP = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: public, namespace: shop }
spec:
  gatewayClassName: selvedge
  listeners: [{ name: http, port: 80, protocol: HTTP, hostname: "*.shop.example" }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: storefront, namespace: shop }
spec:
  parentRefs: [{ name: public }]
  hostnames: [www.shop.example]
  rules:
    - name: canary
      matches: [{ path: { value: /cart }, headers: [{ name: X-Canary, value: "1" }] }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: v2 }]
    - name: cart
      matches: [{ path: { value: /cart }, method: GET }]
      timeouts: { request: 2s }
      filters:
        - type: URLRewrite
          urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: / } }
        - type: RequestHeaderModifier
          requestHeaderModifier: { set: [{ name: X-From, value: shop }], remove: [Cookie] }
      backendRefs:
        - { group: mesh.selvedge.dev, kind: Backend, name: v1, weight: 9 }
        - { group: mesh.selvedge.dev, kind: Backend, name: gone }
    - matches: [{ path: { type: Exact, value: /old } }]
      filters: [{ type: RequestRedirect, requestRedirect: { scheme: https, statusCode: 301 } }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: v1, namespace: shop }
spec: { endpoints: [{ url: "http://127.0.0.1:9001/v1" }, { binding: SERVICE_V1 }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: v2, namespace: shop }
spec: { endpoints: [{ url: "http://127.0.0.1:9002" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: strict, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: storefront }]
  timeouts: { try: 500ms }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: lax, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: public, sectionName: http }]
  timeouts: { request: 9s }
  breaker: {}
`;

const cwd = () => folder({ "shop.yaml": SHOP });

describe("explain", () => {
  it.each([
    ["explain", "explain GET http://www.shop.example/cart/items?q=1 -f shop.yaml"],
    ["explain-json", "explain GET http://www.shop.example/cart -f shop.yaml -o json -H X-Canary:1"],
    ["explain-redirect", "explain get www.shop.example/old -f shop.yaml"],
    ["explain-no-route", "explain POST http://www.shop.example/car -f shop.yaml"],
    ["explain-no-listener", "explain GET http://localhost:8787/ -f shop.yaml"],
    ["explain-host-header", "explain GET http://localhost:8787/old -H Host:www.shop.example --port 80 -f shop.yaml"],
    ["explain-service", "explain GET http://v2.shop/ -f shop.yaml"],
    ["explain-bad-header", "explain GET http://v2.shop/ -H nothing -f shop.yaml"],
    ["explain-bad-url", "explain GET ftp://v2.shop/ -f shop.yaml"],
  ])("%s needs no control plane", async (golden, args) => {
    expect(await selvedge(args, { cwd: cwd() })).toMatchGolden(golden);
  });

  it("takes what is in force when no file is named", async () => {
    await using control = await FakeControl.start(script);
    expect(await selvedge("explain GET http://shop.example/", { control })).toMatchGolden("explain-live");
    expect(control.asked.map(({ path }) => path)).toEqual(["/v1/resources"]);
  });

  it("explains nothing of files that cannot be read", async () => {
    const { stdout, code } = await selvedge("explain GET http://x/ -f -", { stdin: "kind: Service\n" });
    expect([stdout, code]).toEqual(["", 65]);
  });
});
