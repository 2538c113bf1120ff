/** Twenty edges against one limit, at twice its rate, on real workerd. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask } from "../support/http.ts";
import { type TestMesh, testMesh } from "../support/mesh.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

const RATE = 500;
const BURST = 500;
const SECONDS = 8;

let mesh: TestMesh;
let backend: Upstream;

beforeAll(async () => {
  mesh = await testMesh(Array.from({ length: 20 }, () => ({})));
  backend = await upstream("backend");
  await mesh.control.applied(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  gatewayClassName: selvedge
  listeners: [{ name: http, port: 80, protocol: HTTP }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: all, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: backend }] }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: backend, namespace: shop }
spec: { endpoints: [{ url: "${backend.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: limit, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: all }]
  limits: [{ name: all, requests: ${RATE}, window: 1s, burst: ${BURST} }]
`);
});

afterAll(async () => {
  await mesh?.close();
  await backend?.close();
});

it("admits no more than burst + rate x time, and nearly as much", async () => {
  backend.received.length = 0;
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const answers: Promise<number>[] = [];
  for (let sent = 0; elapsed() < SECONDS; await new Promise((resolve) => setTimeout(resolve, 5)))
    for (; sent < elapsed() * 2 * RATE; sent++)
      answers.push(ask({ port: mesh.edges[sent % 20]!, host: "shop.test", path: "/" }).then(({ status }) => status));
  const statuses = await Promise.all(answers);
  const admitted = backend.received.length;
  const most = BURST + RATE * elapsed();
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(admitted).toBeLessThanOrEqual(most);
  expect(admitted).toBeGreaterThanOrEqual(0.95 * Math.min(answers.length, BURST + RATE * SECONDS));
});
