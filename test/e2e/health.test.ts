/** Active health checks on real workerd: who fails them is left alone before any request has failed there. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bootMesh, type Mesh } from "../../local/mesh.ts";
import { ask } from "../support/http.ts";
import { controlClient, pause, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

let dir: string;
let port: number;
let state: Mesh;
let edge: Mesh;
const well = { a: true, b: true };
let a: Upstream;
let b: Upstream;

const served = (name: "a" | "b") =>
  upstream(name, ({ url }, response) => {
    if (url === "/ready") return void response.writeHead(well[name] ? 200 : 503).end();
    response.end(name);
  });

beforeAll(async () => {
  [a, b] = await Promise.all([served("a"), served("b")]);
  dir = await mkdtemp(join(tmpdir(), "selvedge-test-"));
  const control = await freePort();
  port = await freePort();
  // State by itself, so that it can die alone.
  const shared = { dir, registry: join(dir, "registry") };
  state = await bootMesh({ ...shared, control: { port: control, token: TOKEN } });
  edge = await bootMesh({ ...shared, state: false, edges: [{ name: "edge", port }], lookEveryMs: 100 });
  await controlClient(control, [port]).applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: two, namespace: shop }
spec:
  endpoints: [{ url: "${a.url}" }, { url: "${b.url}" }]
  healthCheck: { path: /ready, interval: 1s, timeout: 500ms, unhealthyThreshold: 2, healthyThreshold: 1, jitter: 0 }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: two, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: two }]
  loadBalancing: { strategy: RoundRobin }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: one, namespace: shop }
spec: { endpoints: [{ url: "${a.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: one, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: one }]
  breaker: { openFor: 500ms, maxOpenFor: 500ms, rampFor: 0s }
`);
});
afterAll(async () => {
  await edge?.dispose();
  await state?.dispose();
  await Promise.all([a?.close(), b?.close()]);
  if (dir) await rm(dir, { recursive: true, force: true });
});

/** Whom twelve requests reach, and what their answers say of themselves. */
async function twelve() {
  const answers = [];
  for (let time = 0; time < 12; time++) answers.push(await ask({ port, path: "/~two.shop/" }));
  return {
    statuses: [...new Set(answers.map(({ status }) => status))],
    by: [...new Set(answers.map(({ body }) => body))].toSorted().join(),
    degraded: [...new Set(answers.map(({ headers }) => headers["selvedge-degraded"]))],
  };
}
async function until(by: string): Promise<number> {
  const began = Date.now();
  while (Date.now() - began < 15_000 && (await twelve()).by !== by) await pause(100);
  return Date.now() - began;
}

it("an endpoint that fails its checks gets no traffic, though no request to it failed, and comes back", async () => {
  await until("a,b");
  well.b = false;
  await until("a");
  b.received.length = 0;
  expect(await twelve()).toEqual({ statuses: [200], by: "a", degraded: [undefined] });
  await pause(1200);
  // One place asks, once an interval, and follows the path alone.
  const checks = b.received.map(({ method, url, headers }) => `${method} ${url} ${headers["user-agent"]}`);
  expect(new Set(checks)).toEqual(new Set(["GET /ready selvedge-health-check"]));
  expect(checks.length).toBeLessThanOrEqual(2);
  well.b = true;
  await until("a,b");
  expect((await twelve()).by).toBe("a,b");
});

it("when the object is gone, its last word holds for a bounded time, and then all count as healthy", async () => {
  well.b = false;
  await until("a");
  await state.dispose();
  expect((await twelve()).by).toBe("a");
  const took = await until("a,b");
  // Three intervals and their timeouts, from the last answer on.
  expect(took).toBeGreaterThan(2000);
  expect(took).toBeLessThan(7000);
  expect((await twelve()).degraded).toEqual(["health-check"]);
});

it("with the breaker's object gone too, no request waits on it longer than its limit, open or half-open", async () => {
  const timed = async (path: string) => {
    const began = Date.now();
    const { status, headers } = await ask({ port, path: `/~one.shop${path}` });
    return {
      is: headers["selvedge-cause"] ?? status,
      degraded: headers["selvedge-degraded"],
      tookMs: Date.now() - began,
    };
  };
  well.a = false;
  const failing = [];
  for (let time = 0; time < 6; time++) failing.push(await timed("/ready"));
  expect(failing.map(({ is }) => is)).toEqual([503, 503, 503, 503, 503, "breaker-open"]);
  await pause(600);
  // One tries by this isolate's own permit; the others are refused at once.
  const probing = await Promise.all([timed("/"), timed("/"), timed("/")]);
  expect(probing.map(({ is }) => String(is)).toSorted()).toEqual(["200", "breaker-open", "breaker-open"]);
  expect(probing.find(({ is }) => is === 200)?.degraded).toBe("breaker");
  const after = await timed("/");
  expect(after).toMatchObject({ is: 200, degraded: undefined });
  // 250 ms of waiting for the object; the rest is this machine's.
  expect(Math.max(...[...failing, ...probing, after].map(({ tookMs }) => tookMs))).toBeLessThan(750);
});
