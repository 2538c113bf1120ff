/** What the mesh does about backends that refuse, reset, hang, dribble and lie about length, and what its callers see of it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ask, type Asked } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { streaming, type Upstream, upstream } from "../support/upstream.ts";

let mesh: TestMesh;
let flawed: Upstream;
let leaf: Upstream;
let relay: Upstream;
let wavering: Upstream;
/** What the leaf does with a request; it has then been carried out. */
let leafAnswers: (request: IncomingMessage, response: ServerResponse) => void;
/** What reached the upstream, by path. */
const reached: { path: string; headers: Record<string, unknown>; aborted: boolean }[] = [];

beforeAll(async () => {
  // The second edge has memory of its own: whatever was learnt at the first is not known there.
  mesh = await testMesh([{}, {}, {}], { meshKey: "a key of this test" });
  leaf = await upstream("leaf", (request, response) => leafAnswers(request, response));
  // A service that calls the next through the mesh, and passes on what belongs to the request, as it would traceparent.
  relay = await upstream("relay", (request, response) => {
    const [, next, ...rest] = (request.url ?? "").split("/");
    const retries = request.headers["selvedge-retries"];
    ask({
      port: mesh.edges[Number(next)]!,
      host: "chained.shop.mesh.localhost",
      path: `/${rest.join("/")}`,
      headers: retries === undefined ? {} : { "selvedge-retries": retries },
    }).then(
      ({ status, body }) => response.writeHead(status).end(body),
      () => response.writeHead(502).end(),
    );
  });
  flawed = await streaming((request, response) => {
    const { pathname: path } = new URL(request.url ?? "/", "http://x");
    const record = { path, headers: request.headers, aborted: false };
    reached.push(record);
    response.on("close", () => {
      record.aborted = !response.writableEnded;
    });
    switch (path) {
      case "/hang":
        return;
      case "/headers-then-hang":
        response.writeHead(200, { "content-length": 10 }).flushHeaders();
        return;
      case "/stall":
        response.writeHead(200, { "content-length": 10 }).write("hello");
        return;
      case "/stall-in-chunks":
        response.writeHead(200).write("hello");
        return;
      case "/dribble": {
        response.writeHead(200).write(".");
        const timer = setInterval(() => response.write("."), 50);
        response.on("close", () => clearInterval(timer));
        return;
      }
      case "/lie":
        response.writeHead(200, { "content-length": 100 }).write("hello");
        setTimeout(() => request.socket.destroy(), 20);
        return;
      default:
        response.end("whole");
    }
  });
  let answered = 0;
  // One answer in forty takes three hundred times as long.
  wavering = await upstream("wavering", (_, response) => {
    setTimeout(() => response.end("done"), answered++ % 40 === 0 ? 1500 : 5);
  });
  await mesh.control.applied(MANIFESTS());
});

afterAll(async () => {
  await mesh?.close();
  await Promise.all([flawed, leaf, relay, wavering].map((one) => one?.close()));
});

beforeEach(() => {
  reached.length = 0;
  for (const one of [leaf, relay, wavering]) one.received.length = 0;
});

const backend = (name: string, url: string) => `
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${url}" }] }
`;
const policy = (name: string, spec: string) => `
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]
  ${spec}
`;
const MANIFESTS = () =>
  [
    backend("plain", flawed.url),
    backend("timed", flawed.url),
    policy("timed", "timeouts: { request: 400ms, firstByte: 200ms, idle: 150ms, body: 500ms }"),
    backend("leaf", leaf.url),
    policy("leaf", "retry: { on: [5xx], attempts: 2, backoff: { base: 1ms, max: 1ms } }"),
    backend("chained", relay.url),
    policy(
      "chained",
      "retry: { on: [5xx], attempts: 2, backoff: { base: 1ms, max: 1ms }, budget: { minPerSecond: 100 } }",
    ),
    backend("leaf-below", leaf.url),
    policy(
      "leaf-below",
      "retry: { on: [5xx], attempts: 2, backoff: { base: 1ms, max: 1ms }, budget: { minPerSecond: 100 } }",
    ),
    chain(),
    backend("faulty", leaf.url),
    policy(
      "faulty",
      `retry: { on: [5xx], attempts: 2, backoff: { base: 1ms, max: 1ms }, budget: { minPerSecond: 50 } }
  fault: { expires: "${TOMORROW}", abort: { percent: 2, status: 503 }, reset: { percent: 2 } }`,
    ),
    backend("spoilt", leaf.url),
    policy(
      "spoilt",
      `fault: { expires: "${TOMORROW}", truncate: { percent: 100, afterBytes: 2 }, match: { headers: [{ name: x-spoil, value: "1" }] } }`,
    ),
    backend("doomed", leaf.url),
    policy(
      "doomed",
      `fault: { expires: "${TOMORROW}", abort: { percent: 100, status: 500 }, errorBudget: { failures: 3 } }`,
    ),
    backend("hedged", wavering.url),
    policy("hedged", "hedge: {}"),
  ].join("");
const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();
/** At the chain's own address, what is left of the path says who is next: another relay, or the leaf. */
const chain = () => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: chained, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: chained }]
  rules:
  - matches: [{ path: { value: /leaf } }]
    backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: leaf-below }]
  - backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: chained }]
---
apiVersion: v1
kind: Service
metadata: { name: chained, namespace: shop }
spec: { ports: [{ port: 80 }] }
`;

/** What a caller sees of a backend at its service address: the cause of a denial, or the body, or that the body broke off. */
async function seen(service: string, path: string, more: Partial<Asked> = {}): Promise<string> {
  try {
    const { headers, body } = await ask({ port: mesh.edge, host: `${service}.shop.mesh.localhost`, path, ...more });
    return headers["selvedge-cause"] === undefined ? body : String(headers["selvedge-cause"]);
  } catch {
    return "broken off";
  }
}

describe("timeouts", () => {
  it.each([
    ["a whole answer passes", "/", "whole"],
    ["no headers in time: 504", "/hang", "deadline-exceeded"],
    ["headers and no body in time: 504, not a broken 200", "/headers-then-hang", "deadline-exceeded"],
    ["a body that stalls is broken off, though its length was said", "/stall", "broken off"],
    ["a body that stalls is broken off, though it came in chunks", "/stall-in-chunks", "broken off"],
    ["a body that dribbles for longer than it may is broken off", "/dribble", "broken off"],
    ["a body that is shorter than it said is broken off", "/lie", "broken off"],
  ])("%s", async (_, path, expected) => {
    expect(await seen("timed", path)).toBe(expected);
    await pause(50);
    // Nothing goes on at the upstream for a caller that has its answer.
    expect(reached.map(({ aborted }) => aborted)).toEqual([path !== "/"]);
  });

  it("a body that is shorter than it said is broken off without any policy", async () => {
    expect(await seen("plain", "/lie")).toBe("broken off");
  });
});

describe("a caller's deadline", () => {
  it.each([
    ["our header", { "selvedge-timeout-ms": "400" }],
    ["Envoy's", { "x-envoy-expected-rq-timeout-ms": "400" }],
    ["gRPC's", { "grpc-timeout": "400m" }],
  ])("in %s is kept, and the upstream told what is left of it", async (_, headers) => {
    const began = Date.now();
    expect(await seen("plain", "/hang", { headers })).toBe("deadline-exceeded");
    expect(Date.now() - began).toBeLessThan(2000);
    const told = Number(reached[0]?.headers["selvedge-timeout-ms"]);
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(400);
    expect(reached[0]?.headers["x-envoy-expected-rq-timeout-ms"]).toBe(String(told));
    await pause(50);
    expect(reached[0]?.aborted).toBe(true);
  });

  it("cannot lengthen the policy's", async () => {
    await seen("timed", "/", { headers: { "selvedge-timeout-ms": "60000" } });
    expect(Number(reached[0]?.headers["selvedge-timeout-ms"])).toBeLessThanOrEqual(400);
  });

  it("that is up reaches no upstream", async () => {
    expect(await seen("plain", "/", { headers: { "selvedge-timeout-ms": "0" } })).toBe("deadline-exceeded");
    expect(reached).toEqual([]);
  });
});

describe("retries", () => {
  const get = (path: string, more: Partial<Asked> = {}) =>
    ask({ port: mesh.edge, host: "leaf.shop.mesh.localhost", path, ...more });

  it("of three layers with three tries each reach a dead service at their end four times at most", async () => {
    leafAnswers = (_, response) => void response.writeHead(503).end();
    const { status } = await ask({ port: mesh.edge, host: "chained.shop.mesh.localhost", path: "/1/2/leaf" });
    expect(status).toBe(503);
    expect(leaf.received.length).toBeGreaterThanOrEqual(3);
    expect(leaf.received.length).toBeLessThanOrEqual(4);
  });

  it("of a payment that was carried out, and whose answer was lost, there are none, and the caller is told", async () => {
    leafAnswers = (request) => void request.socket.resetAndDestroy();
    const { status, headers } = await get("/pay", { method: "POST", body: "1 €" });
    expect([status, headers["selvedge-cause"], headers["selvedge-attempts"]]).toEqual([
      502,
      "upstream-unreachable",
      undefined,
    ]);
    expect(leaf.received).toHaveLength(1);
  });

  it("make of one failure in twenty fewer than one in five hundred", async () => {
    const CALLS = 2000;
    let seed = 7;
    // A generator of one seed (Numerical Recipes' LCG), so that a red run means a change and not bad luck.
    const random = () => (seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
    leafAnswers = (request, response) => {
      if (random() >= 0.05) return void response.end("done");
      if (random() < 0.5) return void response.writeHead(503).end();
      request.socket.resetAndDestroy();
    };
    let succeeded = 0;
    for (let begun = 0; begun < CALLS; begun += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get("/")));
      succeeded += answers.filter(({ status }) => status === 200).length;
    }
    expect(succeeded / CALLS).toBeGreaterThanOrEqual(0.998);
    expect(leaf.received.length / CALLS).toBeLessThan(1.1);
  });

  it("when every call fails add less than a tenth to the load", async () => {
    leafAnswers = (_, response) => void response.writeHead(500).end();
    const CALLS = 400;
    for (let begun = 0; begun < CALLS; begun += 20) await Promise.all(Array.from({ length: 20 }, () => get("/")));
    expect(leaf.received.length).toBeGreaterThanOrEqual(CALLS);
    expect(leaf.received.length).toBeLessThanOrEqual(1.1 * CALLS);
  });
});

describe("faults on purpose", () => {
  const get = (service: string, headers: Record<string, string> = {}) =>
    ask({ port: mesh.edge, host: `${service}.shop.mesh.localhost`, headers });

  it("are met by the retries like an upstream's own, and said on the answers", async () => {
    leafAnswers = (_, response) => void response.end("done");
    const CALLS = 1000;
    let succeeded = 0;
    let said = 0;
    for (let begun = 0; begun < CALLS; begun += 20)
      for (const { status, headers } of await Promise.all(Array.from({ length: 20 }, () => get("faulty")))) {
        if (status === 200) succeeded++;
        if (headers["selvedge-fault"] !== undefined) said++;
      }
    expect(succeeded / CALLS).toBeGreaterThanOrEqual(0.998);
    // 4 % are 40, with a standard deviation of 6.2; four of those either way.
    expect(said).toBeGreaterThan(15);
    expect(said).toBeLessThan(65);
  });

  it("break a body off for those alone whom they are meant for", async () => {
    expect([await seen("spoilt", "/", { headers: { "x-spoil": "1" } }), await seen("spoilt", "/")]).toEqual([
      "broken off",
      "done",
    ]);
  });

  it("end in every edge when their error budget is spent", async () => {
    leafAnswers = (_, response) => void response.end("done");
    const from = async (port: number) => (await ask({ port, host: "doomed.shop.mesh.localhost" })).status;
    const failures = async (port: number) => {
      let failed = 0;
      for (let time = 0; time < 10; time++, await pause(20)) if ((await from(port)) === 500) failed++;
      return failed;
    };
    expect(await failures(mesh.edges[0]!)).toBe(3);
    // What spends it is told at once, beside the answer.
    await pause(200);
    // Its first failure tells it that they are over.
    expect(await failures(mesh.edges[1]!)).toBe(1);
  });
});

describe("hedging", () => {
  it("makes the tail five times shorter at less than a twentieth more load", async () => {
    const took: number[] = [];
    const CALLS = 900;
    for (let begun = 0; begun < CALLS; begun += 10)
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const began = performance.now();
          await ask({ port: mesh.edge, host: "hedged.shop.mesh.localhost" });
          took.push(performance.now() - began);
        }),
      );
    const p99 = took.slice(300).toSorted((a, b) => a - b)[Math.floor(600 * 0.99)]!;
    // Without it, one answer in forty takes 1500 ms.
    expect(p99).toBeLessThan(300);
    expect(wavering.received.length / CALLS).toBeLessThan(1.05);
  });
});
