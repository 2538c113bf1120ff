/** Twenty edges, one circuit: what dies is left alone by all of them, tried by a few, and brought back slowly. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BreakersResponse } from "../../mesh/api.ts";
import { ask } from "../support/http.ts";
import { pause, testMesh, type TestMesh } from "../support/mesh.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

const EDGES = 20;
const RAMP_MS = 2000;
const OPEN_MS = 3000;
const HELD_MS = 2000;

let mesh: TestMesh;
let pay: Upstream;
let ten: Upstream[];
/** Fails those requests alone that ask for it. */
let asked: Upstream;
/** What the payment service does with a request. */
let behaviour: "serves" | "fails" | "hangs" = "serves";
const hanging: ServerResponse[] = [];

beforeAll(async () => {
  pay = await upstream("pay", (_, response) => {
    if (behaviour === "hangs") return void hanging.push(response);
    response.writeHead(behaviour === "serves" ? 200 : 500).end();
  });
  ten = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      upstream(`e${index}`, (__, response) =>
        index === 3 ? void response.writeHead(500).end() : void setTimeout(() => response.end("ok"), 5),
      ),
    ),
  );
  asked = await upstream("asked", (request, response) => {
    const retryAfter = request.headers["x-retry-after"];
    const headers = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
    response.writeHead(request.headers["x-fail"] === undefined ? 200 : 503, headers).end();
  });
  mesh = await testMesh(Array.from({ length: EDGES }, () => ({})));
  await mesh.control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: pay, namespace: shop }
spec: { endpoints: [{ url: "${pay.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: pay, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: pay }]
  breaker: { openFor: ${OPEN_MS}ms, maxOpenFor: ${OPEN_MS}ms, probes: 2, rampFor: ${RAMP_MS}ms }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: asked, namespace: shop }
spec: { endpoints: [{ url: "${asked.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: asked, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: asked }]
  breaker: { openFor: 30s }
  retry: { on: [5xx], attempts: 2, backoff: { base: 1ms, max: 1ms }, maxRetryAfter: 0s }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ten, namespace: shop }
spec: { endpoints: [${ten.map(({ url }) => `{ url: "${url}" }`).join(", ")}] }
`);
});
afterAll(async () => {
  await mesh?.close();
  for (const one of [pay, asked, ...(ten ?? [])]) await one?.close();
});

const get = async (edge: number, service = "pay", more: Record<string, string> = {}) => {
  const { status, headers } = await ask({ port: mesh.edges[edge]!, path: `/~${service}.shop/`, headers: more });
  return headers["selvedge-cause"] ?? status;
};
/** One request from each edge at once. */
const round = (service = "pay") => Promise.all(mesh.edges.map((_, edge) => get(edge, service)));
const until = async (holds: () => Promise<boolean>) => {
  for (const give = Date.now() + 5000; Date.now() < give && !(await holds());) await pause(50);
};
const shown = async (backend = "pay") => {
  const { json } = await mesh.control.call("GET", `/v1/breakers?name=${backend}%20by`);
  return (json as BreakersResponse).items[0];
};

/** Until the circuit has been open for its time, on every edge's clock. */
const untilProbes = async () => pause(((await shown())?.forMs ?? 0) + 200);

describe("in this order:", () => {
  it("once the circuit has opened, at most one request of each edge fails at the upstream", async () => {
    behaviour = "fails";
    for (let time = 0; time < 5; time++) await get(0);
    // It told of the first failure at once, and of the others when it tripped.
    await until(async () => (await shown())?.state === "open");
    expect(await shown()).toMatchObject({ state: "open", trips: 1 });
    pay.received.length = 0;
    const refused = async () => (await round()).every((answer) => answer === "breaker-open");
    expect(await refused()).toBe(false);
    await until(refused);
    expect(await shown()).toMatchObject({ state: "open", trips: 1 });
    expect(pay.received.length).toBeGreaterThan(0);
    expect(pay.received.length).toBeLessThanOrEqual(EDGES);
  });

  it("exactly the configured number of probes goes out from twenty edges that all want to", async () => {
    behaviour = "hangs";
    pay.received.length = 0;
    await untilProbes();
    const asking = [round(), round()];
    await pause(1000);
    expect(pay.received).toHaveLength(2);
    behaviour = "fails";
    for (const response of hanging.splice(0)) response.writeHead(500).end();
    const answers = (await Promise.all(asking)).flat();
    expect(answers.filter((answer) => answer === 500)).toHaveLength(2);
    expect(answers.filter((answer) => answer === "breaker-open")).toHaveLength(2 * EDGES - 2);
    expect(await shown()).toMatchObject({ state: "open", trips: 2 });
  });

  it("when the upstream is back, traffic comes back along the ramp", async () => {
    behaviour = "serves";
    await untilProbes();
    // Probes: the first that succeeds closes the circuit.
    while (!(await round()).includes(200)) await pause(50);
    const closed = Date.now();
    const served: { at: number; share: number }[] = [];
    while (Date.now() - closed < RAMP_MS + 1000) {
      const at = (Date.now() - closed) / RAMP_MS;
      const answers = await round();
      served.push({ at, share: answers.filter((answer) => answer === 200).length / EDGES });
      await pause(50);
    }
    const mean = (from: number, to: number) => {
      const within = served.filter(({ at }) => at >= from && at < to);
      return within.reduce((sum, { share }) => sum + share, 0) / within.length;
    };
    expect(mean(0, 0.4)).toBeLessThan(0.55);
    expect(mean(0.7, 1)).toBeGreaterThan(mean(0, 0.4) + 0.2);
    expect(mean(1.1, 1.5)).toBe(1);
  });

  it("an operator's word holds on every edge, and ends with its time", async () => {
    const circuit = (await shown())!.circuit;
    await mesh.control.call("POST", "/v1/breakers", { circuit, to: "open", forMs: HELD_MS });
    const end = Date.now() + HELD_MS;
    await until(async () => !(await round()).includes(200));
    expect(await round()).toEqual(Array.from({ length: EDGES }, () => "breaker-open"));
    await pause(end + 300 - Date.now());
    expect(await round()).toEqual(Array.from({ length: EDGES }, () => 200));
  });

  it("edges that have served for long agree as soon as they trip, whatever the window still holds of their successes", async () => {
    for (let time = 0; time < 10; time++) await round();
    behaviour = "fails";
    pay.received.length = 0;
    for (let time = 0; time < 6; time++) await round();
    // Five in a row trip an edge, and no call goes beyond it.
    expect(pay.received.length).toBeLessThanOrEqual(5 * EDGES);
    await until(async () => (await shown())?.state === "open");
    expect(await shown()).toMatchObject({ state: "open", callers: EDGES });
  });
});

it("a Retry-After that one edge was told keeps all others from retrying", async () => {
  const sent = async (edge: number, more: Record<string, string> = {}) => {
    asked.received.length = 0;
    await get(edge, "asked", { "x-fail": "1", ...more });
    return asked.received.length;
  };
  expect(await sent(19)).toBe(3);
  expect(await sent(0, { "x-retry-after": "120" })).toBe(1);
  // Each hears of it with the reply to its first word, which may be late once.
  let tries = 0;
  for (let edge = 1; edge < 5 && tries !== 1; edge++) {
    await pause(300);
    expect(await get(edge, "asked")).toBe(200);
    await pause(300);
    tries = await sent(edge);
  }
  expect(tries).toBe(1);
});

it("an edge that alone fails refuses alone, and is shown to", async () => {
  await round("asked");
  for (let time = 0; time < 5; time++) await get(7, "asked", { "x-fail": "1" });
  await until(async () => (await shown("asked"))?.openIn !== undefined);
  expect(await shown("asked")).toMatchObject({ state: "closed", callers: EDGES, openIn: [{ edge: "edge-7" }] });
  expect(await round("asked")).toEqual(mesh.edges.map((_, edge) => (edge === 7 ? "breaker-open" : 200)));
});

it("of ten endpoints, one that answers 500 at once gets under 2 % of the traffic within five seconds", async () => {
  const three = () => Promise.all([get(0, "ten"), get(0, "ten"), get(0, "ten")]);
  const began = Date.now();
  let without = 0;
  while (Date.now() - began < 5000 && without < 50) {
    const before = ten[3]!.received.length;
    await three();
    without = ten[3]!.received.length === before ? without + 1 : 0;
  }
  for (const one of ten) one.received.length = 0;
  for (let time = 0; time < 200; time++) await three();
  const counts = ten.map(({ received }) => received.length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(600);
  expect(counts[3]! / 600).toBeLessThan(0.02);
  expect(Math.min(...counts.filter((_, index) => index !== 3))).toBeGreaterThan(0);
});
