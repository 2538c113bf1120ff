/** Twenty edges against one limit, at twice its rate, on real workerd. */
import { Agent } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask } from "../support/http.ts";
import { type TestMesh, testMesh } from "../support/mesh.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

/** `RATE=500` for a machine that has nothing else to do. */
const RATE = Number(process.env.RATE ?? 250);
const BURST = RATE;
/** Twenty isolates that know nothing of each other's demand yet share a burst badly. */
const WARM_UP = 2;
/** `SECONDS=30` for a long run. */
const SECONDS = Number(process.env.SECONDS ?? 8);
/** Connections stay open, and are few: a machine that falls behind for a moment is to catch up, not to run out of files. */
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

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
  agent.destroy();
  await mesh?.close();
  await backend?.close();
});

it("admits no more than burst + rate x time, and of the rate at least 95 %", async () => {
  backend.received.length = 0;
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const answers: Promise<number>[] = [];
  let warm: { readonly at: number; readonly admitted: number } | undefined;
  for (let sent = 0; elapsed() < WARM_UP + SECONDS; await new Promise((resolve) => setTimeout(resolve, 5))) {
    if (elapsed() >= WARM_UP) warm ??= { at: elapsed(), admitted: backend.received.length };
    for (; sent < elapsed() * 2 * RATE; sent++)
      answers.push(
        ask({ port: mesh.edges[sent % 20]!, host: "shop.test", path: "/", agent }).then(({ status }) => status),
      );
  }
  const used = (backend.received.length - warm!.admitted) / (elapsed() - warm!.at);
  const statuses = await Promise.all(answers);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(backend.received.length).toBeLessThanOrEqual(BURST + RATE * elapsed());
  expect(used).toBeGreaterThanOrEqual(0.95 * RATE);
});
