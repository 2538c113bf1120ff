/** What the mesh does about backends that refuse, reset, hang, dribble and lie about length, and what its callers see of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ask, type Asked } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { streaming, type Upstream } from "../support/upstream.ts";

let mesh: TestMesh;
let flawed: Upstream;
/** What reached the upstream, by path. */
const reached: { path: string; headers: Record<string, unknown>; aborted: boolean }[] = [];

beforeAll(async () => {
  mesh = await testMesh();
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
  await mesh.control.applied(MANIFESTS());
});

afterAll(async () => {
  await mesh?.close();
  await flawed?.close();
});

beforeEach(() => {
  reached.length = 0;
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
  ].join("");

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
    ["our header", { "selvedge-timeout-ms": "100" }],
    ["Envoy's", { "x-envoy-expected-rq-timeout-ms": "100" }],
    ["gRPC's", { "grpc-timeout": "100m" }],
  ])("in %s is kept, and the upstream told what is left of it", async (_, headers) => {
    const began = Date.now();
    expect(await seen("plain", "/hang", { headers })).toBe("deadline-exceeded");
    expect(Date.now() - began).toBeLessThan(1000);
    const told = Number(reached[0]?.headers["selvedge-timeout-ms"]);
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(100);
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
