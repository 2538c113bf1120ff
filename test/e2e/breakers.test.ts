/** Twenty edges, one circuit: what dies is left alone by all of them, tried by a few, and brought back slowly. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BreakersResponse } from "../../mesh/api.ts";
import { ask } from "../support/http.ts";
import { pause, testMesh, type TestMesh } from "../support/mesh.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

const EDGES = 20;
const RAMP_MS = 3000;
const OPEN_MS = 3000;

let mesh: TestMesh;
let pay: Upstream;
let ten: Upstream[];
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
metadata: { name: ten, namespace: shop }
spec: { endpoints: [${ten.map(({ url }) => `{ url: "${url}" }`).join(", ")}] }
`);
});
afterAll(async () => {
  await mesh?.close();
  for (const one of [pay, ...(ten ?? [])]) await one?.close();
});

const get = async (edge: number, service = "pay") => {
  const { status, headers } = await ask({ port: mesh.edges[edge]!, path: `/~${service}.shop/` });
  return headers["selvedge-cause"] ?? status;
};
/** One request from each edge at once. */
const round = () => Promise.all(mesh.edges.map((_, edge) => get(edge)));
const until = async (holds: () => Promise<boolean>) => {
  for (const give = Date.now() + 5000; Date.now() < give && !(await holds());) await pause(50);
};
const shown = async () => ((await mesh.control.call("GET", "/v1/breakers")).json as BreakersResponse).items[0];

describe("in this order:", () => {
  it("once the circuit has opened, at most one request of each edge fails at the upstream", async () => {
    behaviour = "fails";
    for (let time = 0; time < 5; time++) await get(0);
    // It told of the first failure at once, and of the others when it tripped.
    await until(async () => (await shown())?.state === "open");
    expect(await shown()).toMatchObject({ state: "open", trips: 1 });
    pay.received.length = 0;
    for (let time = 0; time < 4; time++) {
      await round();
      await pause(150);
    }
    expect(pay.received.length).toBeGreaterThan(0);
    expect(pay.received.length).toBeLessThanOrEqual(EDGES);
    expect(await round()).toEqual(Array.from({ length: EDGES }, () => "breaker-open"));
  });

  it("exactly the configured number of probes goes out from twenty edges that all want to", async () => {
    behaviour = "hangs";
    pay.received.length = 0;
    await pause(OPEN_MS + 200);
    const asked = [round(), round()];
    await pause(1000);
    expect(pay.received).toHaveLength(2);
    behaviour = "fails";
    for (const response of hanging.splice(0)) response.writeHead(500).end();
    const answers = (await Promise.all(asked)).flat();
    expect(answers.filter((answer) => answer === 500)).toHaveLength(2);
    expect(answers.filter((answer) => answer === "breaker-open")).toHaveLength(2 * EDGES - 2);
    expect(await shown()).toMatchObject({ state: "open", trips: 2 });
  });

  it("when the upstream is back, traffic comes back along the ramp", async () => {
    behaviour = "serves";
    await pause(OPEN_MS + 200);
    // Probes: the first that succeeds closes the circuit.
    while (!(await round()).includes(200)) await pause(50);
    const closed = Date.now();
    const served: { at: number; share: number }[] = [];
    while (Date.now() - closed < RAMP_MS + 1500) {
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
    expect(mean(1.1, 2)).toBe(1);
  });

  it("an operator's word holds on every edge, and ends with its time", async () => {
    const circuit = (await shown())!.circuit;
    await mesh.control.call("POST", "/v1/breakers", { circuit, to: "open", forMs: 4000 });
    const end = Date.now() + 4000;
    await until(async () => !(await round()).includes(200));
    expect(await round()).toEqual(Array.from({ length: EDGES }, () => "breaker-open"));
    await pause(end + 300 - Date.now());
    expect(await round()).toEqual(Array.from({ length: EDGES }, () => 200));
  });
});

it("of ten endpoints, one that answers 500 at once gets under 2 % of the traffic within five seconds", async () => {
  const began = Date.now();
  while (Date.now() - began < 5000) await Promise.all([get(0, "ten"), get(0, "ten"), get(0, "ten")]);
  for (const one of ten) one.received.length = 0;
  for (let time = 0; time < 200; time++) await Promise.all([get(0, "ten"), get(0, "ten"), get(0, "ten")]);
  const counts = ten.map(({ received }) => received.length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(600);
  expect(counts[3]! / 600).toBeLessThan(0.02);
  expect(Math.min(...counts.filter((_, index) => index !== 3))).toBeGreaterThan(0);
});
