/** ARCHITECTURE §8.4: a request that is not idempotent is carried out once for its key, whatever is lost and whoever is killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answered, ask } from "../support/http.ts";
import { controlClient, pause, serves, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { type Part, startPart } from "../support/processes.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

/** By key: how often the work was done, and how often it was asked for. */
const done = new Map<string, number>();
const asked = new Map<string, number>();
const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1).get(key)!;
const total = (map: Map<string, number>, prefix: string) =>
  [...map].filter(([key]) => key.startsWith(prefix)).reduce((sum, [, times]) => sum + times, 0);

let up: Upstream;
let dir: string;
let ports: { edge: number; other: number; control: number };
let parts: Record<"state" | "edge" | "other", Part>;
const start = {
  state: () => startPart({ dir, registry: `${dir}/registry`, control: { port: ports.control, token: TOKEN } }),
  edge: (name: "edge" | "other") =>
    startPart({
      dir,
      registry: `${dir}/registry`,
      state: false,
      edges: [{ name, port: ports[name] }],
      lookEveryMs: 100,
    }),
};

/** A payment service: it does the work, and then answers as the request says. `/honest` knows keys and does each once. */
beforeAll(async () => {
  up = await upstream("payments", (request, response, { headers, url }) => {
    const key = String(headers["idempotency-key"]).replaceAll(/"/g, "");
    const times = count(asked, key);
    if (!url.startsWith("/honest") || times === 1) count(done, key);
    if (headers["x-then"] === "hang") return;
    if (headers["x-then"] === "lose" || (headers["x-then"] === "lose-first" && times === 1)) {
      request.socket.destroy();
      return;
    }
    const wait = headers["x-then"] === "wait" ? 300 : 0;
    const packed = headers["x-then"] === "gzip" ? { "content-encoding": "gzip" } : {};
    const body = `paid ${key}`;
    setTimeout(() => {
      response.writeHead(201, { location: `/payments/${key}`, ...packed });
      response.end(headers["x-then"] === "gzip" ? gzipSync(body) : body);
    }, wait);
  });
  dir = await mkdtemp(join(tmpdir(), "selvedge-idempotency-"));
  ports = { edge: await freePort(), other: await freePort(), control: await freePort() };
  const state = await start.state();
  const [edge, other] = await Promise.all([start.edge("edge"), start.edge("other")]);
  parts = { state, edge, other };
  await controlClient(ports.control, [ports.edge, ports.other]).applied(manifests());
});
afterAll(async () => {
  for (const part of Object.values(parts ?? {})) await part.kill();
  await up.close();
  await rm(dir, { recursive: true, force: true });
});

const manifests = () =>
  ["once", "honest"]
    .map(
      (name) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${up.url}/${name}" }] }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [{ port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: ${name} }]
  rules:
    - backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]
      retry: { attempts: 3, codes: [502, 503], backoff: 1ms }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: IdempotencyPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${name} }]
  mode: Required
  executionTimeout: 2s
  upstream: ${name === "once" ? "Once" : "Idempotent"}
`,
    )
    .join("---");

type Then = "answer" | "wait" | "lose" | "lose-first" | "gzip" | "hang";
const pay = (key: string, then: Then = "answer", port = ports.edge, service = "once"): Promise<Answered> =>
  ask({
    port,
    path: `/~${service}.shop/pay`,
    method: "POST",
    headers: { "idempotency-key": `"${key}"`, "x-then": then, "content-type": "application/json" },
    body: `{"amount":1}`,
  });
const said = ({ status, headers }: Answered) => [status, headers["selvedge-cause"] ?? headers["idempotent-replayed"]];

/** Sends a payment and leaves once the service has it. */
async function payAndLeave(key: string): Promise<void> {
  const left = send({
    host: "127.0.0.1",
    port: ports.edge,
    path: "/~once.shop/pay",
    method: "POST",
    agent: false,
    headers: { "idempotency-key": `"${key}"`, "x-then": "wait", "content-type": "application/json" },
  });
  left.on("error", () => {}).end(`{"amount":1}`);
  while (!asked.has(key)) await pause(5);
  left.destroy();
}

describe("1,000 payments whose response is lost after the side effect, retried by client and mesh", () => {
  it("are 1,000 executions", async () => {
    const outcomes = new Map<string, number>();
    const one = async (n: number): Promise<void> => {
      const key = `lost-${n}`;
      // Half are lost between the service and the mesh, half between the mesh and the client.
      if (n % 2 === 0) await pay(key, "lose");
      else await payAndLeave(key);
      let last = await pay(key, n % 2 === 0 ? "lose" : "wait", n % 3 === 0 ? ports.other : ports.edge);
      for (let tries = 0; tries < 20 && last.headers["selvedge-cause"] === "idempotency-in-flight"; tries++) {
        await pause(100);
        last = await pay(key, "wait");
      }
      count(outcomes, `${n % 2 === 0 ? "service" : "client"}: ${said(last).join(" ")}`);
    };
    let next = 0;
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        while (next < 1000) await one(next++);
      }),
    );
    expect([total(done, "lost-"), total(asked, "lost-")]).toEqual([1000, 1000]);
    expect(Object.fromEntries(outcomes)).toEqual({
      "service: 409 idempotency-outcome-unknown": 500,
      "client: 201 true": 500,
    });
  });

  it("are one execution each, and answered, where the service honours the key", async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const first = await pay(`honest-${n}`, "lose-first", ports.edge, "honest");
        return first.status === 201 ? first : pay(`honest-${n}`, "lose-first", ports.edge, "honest");
      }),
    );
    expect([total(done, "honest-"), total(asked, "honest-")]).toEqual([50, 100]);
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]));
    // As far as its budget goes, it is the mesh that sends again.
    expect(all.filter(({ headers }) => headers["selvedge-attempts"] === "2").length).toBeGreaterThan(0);
  });
});

describe("100 duplicates at once", () => {
  it("are one execution over two edges, and the rest 409 or replay", async () => {
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, n) => pay("duplicate", "wait", n % 2 ? ports.edge : ports.other)),
    );
    expect(done.get("duplicate")).toBe(1);
    const statuses = all.map((answer) => said(answer).join(" "));
    expect(statuses.filter((status) => status === "201 ")).toHaveLength(1);
    expect(statuses.every((status) => ["201 ", "201 true", "409 idempotency-in-flight"].includes(status))).toBe(true);
    expect(said(await pay("duplicate"))).toEqual([201, "true"]);
  });
});

describe("a replay", () => {
  it("is the first answer: status, headers and body, also of a packed one", async () => {
    const first = await pay("packed", "gzip");
    const second = await pay("packed", "gzip", ports.other);
    expect([first.status, first.headers["location"], first.body]).toEqual([201, "/payments/packed", second.body]);
    expect([second.status, second.headers["location"], second.headers["content-encoding"]]).toEqual([
      201,
      "/payments/packed",
      first.headers["content-encoding"],
    ]);
    expect(done.get("packed")).toBe(1);
  });

  it.each<[string, Record<string, string>, string, number, string]>([
    ["without a key", {}, "{}", 400, "idempotency-key-missing"],
    ["with two keys", { "idempotency-key": '"a", "b"' }, "{}", 400, "idempotency-key-invalid"],
    ["of another payload", { "idempotency-key": "packed" }, "{}", 422, "idempotency-mismatch"],
  ])("is not had %s", async (_, headers, body, status, cause) => {
    const answer = await ask({ port: ports.edge, path: "/~once.shop/pay", method: "POST", headers, body });
    expect(said(answer)).toEqual([status, cause]);
  });
});

describe("with a part of the mesh killed under a request", () => {
  it("a dead edge's outcome is unknown once its time is up, and never a second execution", async () => {
    const dying = pay("killed", "hang", ports.other).catch(() => undefined);
    while (!asked.has("killed")) await pause(5);
    await parts.other.kill();
    await dying;
    expect(said(await pay("killed"))).toEqual([409, "idempotency-in-flight"]);
    // The execution's 2 s, and the 10 s for its word to arrive.
    await expect
      .poll(async () => said(await pay("killed")), { timeout: 20_000, interval: 500 })
      .toEqual([409, "idempotency-outcome-unknown"]);
    expect(done.get("killed")).toBe(1);
  });

  it("without its objects nothing is carried out, and a request that was under way keeps its one execution", async () => {
    const under = pay("orphan", "wait");
    while (!asked.has("orphan")) await pause(5);
    await parts.state.kill();
    expect(said(await under)[0]).toBe(201);
    expect((await under).headers["selvedge-degraded"]).toBe("idempotency");
    const refused = await pay("refused");
    expect([...said(refused), refused.headers["retry-after"]]).toEqual([503, "idempotency-unavailable", "1"]);
    parts.state = await start.state();
    await serves(ports.edge, 1);
    await expect.poll(async () => said(await pay("refused")), { timeout: 15_000 }).toEqual([201, undefined]);
    const again = await pay("orphan");
    expect([done.get("orphan"), done.get("refused")]).toEqual([1, 1]);
    expect(said(again)).toEqual([409, "idempotency-in-flight"]);
  });
});
