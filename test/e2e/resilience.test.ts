/** What the mesh does about backends that refuse, reset, hang, dribble and lie about length, and what its callers see of it. */
import { type IncomingMessage, request as send, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RETRY_CONDITIONS } from "../../mesh/resources/traffic/retry.ts";
import { ask, type Asked } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { streaming, type Upstream, upstream } from "../support/upstream.ts";

let mesh: TestMesh;
let flawed: Upstream;
let leaf: Upstream;
let relay: Upstream;
/** One of them has a fourth of the others' share: hedging mends no tail of a tenth. While `isSlow`, it takes twenty times as long. */
let ten: Upstream[];
let isSlow = false;
/** What the leaf does with a request; it has then been carried out. */
let leafAnswers: (request: IncomingMessage, response: ServerResponse) => void;
/** What reached the upstream, by path. */
const reached: { path: string; headers: Record<string, unknown>; aborted: boolean }[] = [];

/** Long enough that a busy machine adds little to it. */
const FAST_MS = 200;

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
  ten = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      upstream(`ten-${index}`, (__, response) => {
        setTimeout(() => response.end("done"), index === 3 && isSlow ? FAST_MS * 20 : FAST_MS);
      }),
    ),
  );
  await mesh.control.applied(MANIFESTS());
});

afterAll(async () => {
  await mesh?.close();
  await Promise.all([flawed, leaf, relay, ...(ten ?? [])].map((one) => one?.close()));
});

beforeEach(() => {
  reached.length = 0;
  for (const one of [leaf, relay, ...ten]) one.received.length = 0;
});

const backend = (name: string, url: string) => balanced(name, `{ url: "${url}" }`);
const balanced = (name: string, endpoints: string) => `
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [${endpoints}] }
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
    balanced("eager", `{ url: "${leaf.url}" }, { url: "${leaf.url}/again" }`),
    policy("eager", EAGER),
    backend("eager-and-faulty", leaf.url),
    policy(
      "eager-and-faulty",
      `${EAGER}
  fault: { expires: "${TOMORROW}", truncate: { percent: 50, afterBytes: 1 }, delay: { percent: 50, for: 10ms } }`,
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
    backend("adaptive", leaf.url),
    policy("adaptive", "adaptiveConcurrency: { minLimit: 2, maxLimit: 2 }\n  exposeEndpoint: true"),
    backend("kept", leaf.url),
    policy(
      "kept",
      `staleServe: {}
  breaker: { failures: 3, openFor: 30s }`,
    ),
    backend("bounded", leaf.url),
    policy(
      "bounded",
      `staleServe: {}
  timeouts: { request: 600ms }`,
    ),
    backend("shared", leaf.url),
    policy("shared", "staleServe: { collapse: Always }"),
    balanced("hedged", ten.map(({ url }, index) => `{ url: "${url}", weight: ${index === 3 ? 1 : 4} }`).join(", ")),
    policy("hedged", "loadBalancing: { strategy: RoundRobin }\n  hedge: {}"),
  ].join("");
/** Everything that a policy can be told to try again for, as often as it can be told to. */
const EAGER = `timeouts: { request: 1s, try: 300ms, firstByte: 200ms, idle: 100ms }
  retry:
    on: [${RETRY_CONDITIONS.join(", ")}]
    codes: [500, 502, 503, 504, 409, 429]
    headers: [{ name: x-again }]
    attempts: 10
    backoff: { base: 1ms, max: 1ms }
    budget: { percent: 100, minPerSecond: 1000 }
  hedge: { percentile: 50, minDelay: 1ms, budgetPercent: 100 }
  staleServe: {}`;
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

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ["the connection is reset", (request) => void request.socket.resetAndDestroy()],
    ["the connection is closed", (request) => void request.socket.destroy()],
    ["nothing is said any more", () => {}],
    [
      "the answer is 503 with a Retry-After",
      (_, response) => void response.writeHead(503, { "retry-after": "0" }).end(),
    ],
    [
      "the answer is 500, and says to try again",
      (_, response) => void response.writeHead(500, { "x-again": "1" }).end(),
    ],
    ["the answer is a gateway's 502", (_, response) => void response.writeHead(502).end()],
    ["the answer is 429", (_, response) => void response.writeHead(429).end()],
    ["the answer is no HTTP", (request) => void request.socket.end("nonsense\r\n\r\n")],
    [
      "the answer stops after its headers",
      (_, response) => response.writeHead(200, { "content-length": 9 }).flushHeaders(),
    ],
    [
      "the answer is shorter than it says",
      (request, response) => {
        response.writeHead(200, { "content-length": 100 }).write("paid");
        setTimeout(() => request.socket.destroy(), 5);
      },
    ],
  ])("no configuration makes two of one payment: once it is carried out and %s", async (_, answer) => {
    leafAnswers = answer;
    const payments = ["eager", "eager-and-faulty"].flatMap((service) =>
      ["POST", "PATCH"].flatMap((method) =>
        Array.from({ length: 5 }, (__, n) => ({ service, method, path: `/${service}/${method}/${n}` })),
      ),
    );
    await Promise.all(payments.map(({ service, method, path }) => seen(service, path, { method, body: "1 €" })));
    const carriedOut = leaf.received.map(({ url }) => url.replace("/again", ""));
    expect(carriedOut.toSorted()).toEqual(payments.map(({ path }) => path).toSorted());
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

  it("end in every edge when their time is up, though nothing is applied", async () => {
    leafAnswers = (_, response) => void response.end("done");
    const expires = Date.now() + 3000;
    // Not a failure of the upstream's: the error budget has no part in it.
    const spec = `fault: { expires: "${new Date(expires).toISOString()}", abort: { percent: 100, status: 404 } }`;
    await mesh.control.applied(backend("brief", leaf.url) + policy("brief", spec));
    const early: number[] = [];
    const late: number[] = [];
    while (Date.now() < expires + 300)
      for (const port of mesh.edges) {
        const sent = Date.now();
        const { status } = await ask({ port, host: "brief.shop.mesh.localhost" });
        if (sent >= expires) late.push(status);
        else if (Date.now() < expires) early.push(status);
        await pause(30);
      }
    expect([new Set(early), new Set(late)]).toEqual([new Set([404]), new Set([200])]);
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

describe("kept answers", () => {
  const get = (path: string, { edge = 0, service = "kept", ...more }: Partial<Asked> & Where = {}) =>
    ask({ port: mesh.edges[edge]!, host: `${service}.shop.mesh.localhost`, path, ...more });
  type Where = { readonly edge?: number; readonly service?: string };
  const dies = (_: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end();
  const says =
    (body: string | Buffer, headers: Record<string, string>) => (_: IncomingMessage, response: ServerResponse) =>
      void response.writeHead(200, headers).end(body);
  const KEEP = "max-age=1, stale-if-error=3";

  it("are no other than without the policy while the service answers", async () => {
    leafAnswers = says("whole", { "content-length": "5", "cache-control": KEEP, etag: '"1"' });
    const { headers, body } = await get("/whole", { edge: 1 });
    expect([body, headers["content-length"], headers.etag, headers["cache-status"], headers.age]).toEqual([
      "whole",
      "5",
      '"1"',
      undefined,
      undefined,
    ]);
    const packed = gzipSync("packed");
    leafAnswers = says(packed, { "content-encoding": "gzip", "cache-control": KEEP });
    const both = await get("/packed", { edge: 1, headers: { "accept-encoding": "gzip" } });
    expect([both.headers["content-encoding"], both.status]).toEqual(["gzip", 200]);
    await pause(100);
    leafAnswers = dies;
    // Whoever asks for it now need not take it packed.
    expect(await get("/packed", { edge: 1 })).toMatchObject({ status: 200, body: "packed" });
  });

  it("stand in for a dead service until they are too stale, on every edge, and say so", async () => {
    leafAnswers = says("live", { "cache-control": KEEP });
    const born = Date.now();
    expect((await get("/item")).body).toBe("live");
    await pause(300);
    leafAnswers = dies;
    leaf.received.length = 0;
    const details = new Set<string>();
    for (const edge of [0, 0, 0, 0, 0, 1, 2]) {
      const { status, headers, body } = await get("/item", { edge });
      expect([status, body, headers["selvedge-cause"]]).toEqual([200, "live", "stale"]);
      expect(Number(headers.age)).toBeLessThanOrEqual(3);
      details.add(
        String(headers["cache-status"])
          .replace(/fwd=(stale|bypass)/, "fwd")
          .replace(/ttl=-?\d+;/, ""),
      );
    }
    expect(details).toEqual(new Set(["selvedge;fwd;fwd-status=503", 'selvedge;hit;detail="breaker-open"']));
    // Once the circuit is open, nobody asks the service.
    expect(leaf.received.length).toBeLessThan(7);
    await pause(born + 4300 - Date.now());
    expect((await get("/item")).headers["selvedge-cause"]).toBe("breaker-open");
  });

  it("of one caller are never another's", async () => {
    const own = (request: IncomingMessage, response: ServerResponse) =>
      void response
        .writeHead(200, {
          "cache-control": request.url === "/open" ? "public, max-age=60" : String(request.headers["x-say"]),
          "set-cookie": "session=secret",
        })
        .end(`for ${request.headers.cookie}`);
    const cases = [
      { path: "/private", say: "private, max-age=60" },
      { path: "/unsaid", say: "max-age=60" },
      { path: "/open", say: "" },
    ];
    leafAnswers = own;
    for (const { path, say } of cases)
      for (const edge of [0, 2]) await get(path, { edge, service: "shared", headers: { cookie: "ann", "x-say": say } });
    await pause(300);
    leafAnswers = dies;
    for (const headers of [{ cookie: "ann" }, { cookie: "bob" }, { authorization: "Bearer bob" }, {}])
      for (const { path } of cases) {
        const { status, body, headers: said } = await get(path, { edge: 2, service: "shared", headers });
        expect([path, status, body, said["set-cookie"]]).toEqual(
          path === "/open" ? [path, 200, "for ann", undefined] : [path, 503, "", undefined],
        );
      }
  });

  it("of which a part is missing are none", async () => {
    leafAnswers = (request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" }).write("hal");
      setTimeout(() => request.socket.destroy(), 30);
    };
    await get("/half", { service: "shared" }).catch(() => undefined);
    await pause(300);
    leafAnswers = dies;
    expect((await get("/half", { service: "shared" })).status).toBe(503);
  });

  it("come before the time is up when the service hangs, which then hears that nobody waits", async () => {
    leafAnswers = says("before", { "cache-control": "max-age=0, stale-if-error=60" });
    await get("/slow", { service: "bounded" });
    await pause(300);
    let left = false;
    leafAnswers = (_, response) => void response.on("close", () => (left = true));
    const { body, headers } = await get("/slow", { service: "bounded" });
    expect([body, headers["cache-status"]]).toEqual([
      "before",
      expect.stringMatching(/^selvedge;fwd=stale;ttl=-\d;detail="deadline-exceeded"$/),
    ]);
    await expect.poll(() => left, { timeout: 3000 }).toBe(true);
  });

  it("are fetched once for all who ask at the same time, though the first of them leaves", async () => {
    leafAnswers = (_, response) =>
      void setTimeout(() => response.writeHead(200, { "cache-control": "max-age=60" }).end("one"), 400);
    leaf.received.length = 0;
    const first = send({
      host: "127.0.0.1",
      port: mesh.edge,
      path: "/crowd",
      headers: { host: "shared.shop.mesh.localhost" },
    });
    first.on("error", () => {}).end();
    await expect.poll(() => leaf.received.length).toBe(1);
    const crowd = Array.from({ length: 40 }, () => get("/crowd", { service: "shared" }));
    await pause(100);
    first.destroy();
    const answers = await Promise.all(crowd);
    expect(leaf.received.length).toBe(1);
    expect(new Set(answers.map(({ body, headers }) => [body, headers["selvedge-cause"]].join(" ")))).toEqual(
      new Set(["one collapsed"]),
    );
    expect(answers[0]?.headers["cache-status"]).toBe("selvedge;fwd=miss;collapsed");
  });
});

it("an isolate has no more calls with a backend than it has found it to be good for", async () => {
  const held: ServerResponse[] = [];
  leafAnswers = (_, response) => void held.push(response);
  const get = () => ask({ port: mesh.edge, host: "adaptive.shop.mesh.localhost" });
  const first = [get(), get()];
  await expect.poll(() => held.length).toBe(2);
  const { status, headers } = await get();
  expect([status, headers["selvedge-cause"], headers["selvedge-endpoint"]]).toEqual([
    503,
    "concurrency-limit",
    undefined,
  ]);
  for (const response of held) response.end("done");
  const answers = await Promise.all(first);
  expect(answers.map((answer) => [answer.body, answer.headers["selvedge-endpoint"]])).toEqual(
    Array.from({ length: 2 }, () => ["done", leaf.url]),
  );
  leafAnswers = (_, response) => void response.end("done");
  expect((await get()).status).toBe(200);
});

describe("hedging", () => {
  it("with one of ten endpoints twenty times slower makes p99 five times better at less than a twentieth more load", async () => {
    let calls = 0;
    /** In milliseconds, of so many calls, ten at a time. */
    const p99 = async (count: number) => {
      const took: number[] = [];
      for (let begun = 0; begun < count; begun += 10, calls += 10)
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            const began = performance.now();
            await ask({ port: mesh.edge, host: "hedged.shop.mesh.localhost" });
            took.push(performance.now() - began);
          }),
        );
      return took.toSorted((a, b) => a - b)[Math.floor(count * 0.99)]!;
    };
    // It begins once a hundred answers say how long answers take.
    await p99(150);
    isSlow = true;
    const slowBefore = ten[3]!.received.length;
    const tail = await p99(200);
    // More than one call in a hundred came to the slow one: its time would be p99.
    expect(ten[3]!.received.length - slowBefore).toBeGreaterThan(3);
    expect(tail).toBeLessThan((FAST_MS * 20) / 5);
    const received = ten.reduce((sum, one) => sum + one.received.length, 0);
    expect(received / calls).toBeLessThan(1.05);
  });
});
