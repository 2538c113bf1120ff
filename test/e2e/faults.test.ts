/** ARCHITECTURE §8.8: whatever of the mesh is down, traffic flows on the last known state, and says so. */
import type { ServerResponse } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { BreakersResponse, Pointer, SnapshotResponse } from "../../mesh/api.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { readFiles } from "../../mesh/resources/read.ts";
import { POINTER_KEY, shardKey, snapshotKey } from "../../mesh/snapshot.ts";
import { bootMesh, type Mesh } from "../../local/mesh.ts";
import { ask } from "../support/http.ts";
import { controlClient, type ControlClient, pause, serves, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { published, sha256 } from "../support/published.ts";
import { type Part, startPart } from "../support/processes.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

let up: Upstream;
/** Answers as the path says. */
let shaky: Upstream;
const hanging: ServerResponse[] = [];
beforeAll(async () => {
  up = await upstream("up");
  shaky = await upstream("shaky", ({ url }, response) => {
    if (url === "/hang") return void hanging.push(response);
    response.writeHead(url === "/fail" ? 503 : 200).end();
  });
});
afterAll(async () => {
  await Promise.all([up?.close(), shaky?.close()]);
});

const broken = (name: string) => `
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${shaky.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]
  breaker: { openFor: 2s, maxOpenFor: 2s, rampFor: 0s }
`;

const manifests = (version = "1") => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: up, namespace: shop, labels: { version: "${version}" } }
spec: { endpoints: [{ url: "${up.url}/v${version}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: guarded, namespace: shop }
spec: { endpoints: [{ url: "${up.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: guarded, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: guarded }]
  breaker: {}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: guarded, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: guarded }]
  limits: [{ name: all, requests: 1000, window: 1s }]
  onUnavailable: share
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: closed, namespace: shop }
spec: { endpoints: [{ url: "${up.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: closed, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: closed }]
  limits: [{ name: all, requests: 1000, window: 1s }]
  onUnavailable: deny
${["open", "probed"].map(broken).join("")}`;

describe("with state, control and edge in processes of their own", () => {
  let dir: string;
  let ports: { edge: number; control: number };
  let parts: Record<"state" | "control" | "edge", Part>;
  let control: ControlClient;

  const start = {
    state: () => startPart({ dir, registry: `${dir}/registry` }),
    control: () =>
      startPart({ dir, registry: `${dir}/registry`, state: false, control: { port: ports.control, token: TOKEN } }),
    edge: () =>
      startPart({
        dir,
        registry: `${dir}/registry`,
        state: false,
        edges: [{ name: "edge", port: ports.edge }],
        lookEveryMs: 100,
      }),
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "selvedge-faults-"));
    ports = { edge: await freePort(), control: await freePort() };
    // The state process is the oldest, and owns the KV files for all.
    parts = { state: await start.state(), control: await start.control(), edge: await start.edge() };
    control = controlClient(ports.control, [ports.edge]);
    await control.applied(manifests());
  });
  afterAll(async () => {
    for (const part of Object.values(parts ?? {})) await part.kill();
    await rm(dir, { recursive: true, force: true });
  });

  const get = (service: string) => ask({ port: ports.edge, path: `/~${service}.shop/` });

  it("serves on without control, and takes new configuration once control is back", async () => {
    await parts.control.kill();
    for (let i = 0; i < 50; i++) expect((await get("guarded")).status).toBe(200);
    parts.control = await start.control();
    await control.applied(manifests("2"));
    await get("up");
    expect(up.received.at(-1)?.url).toBe("/v2/");
  });

  it("serves on without the objects, under each policy's declared fallback, and no request waits for them", async () => {
    expect((await get("guarded")).status).toBe(200);
    expect((await get("closed")).status).toBe(200);
    await parts.state.kill();
    // What was leased before may be spent; after that, `share` goes on and `deny` refuses.
    await pause(1500);
    const slowest = { ms: 0 };
    for (let i = 0; i < 50; i++) {
      const before = performance.now();
      expect((await get("guarded")).status).toBe(200);
      slowest.ms = Math.max(slowest.ms, performance.now() - before);
    }
    expect(slowest.ms).toBeLessThan(1000);
    expect((await get("guarded")).headers["selvedge-degraded"]).toBe("rate-limit");
    const denied = await get("closed");
    expect([denied.status, denied.headers["selvedge-cause"]]).toEqual([503, "limiter-unavailable"]);
    parts.state = await start.state();
    await expect.poll(async () => (await get("closed")).status, { timeout: 15_000 }).toBe(200);
    await expect
      .poll(async () => (await get("guarded")).headers["selvedge-degraded"], { timeout: 15_000 })
      .toBe(undefined);
  });

  it("serves on while the objects hang instead of failing", async () => {
    expect((await get("guarded")).status).toBe(200);
    await parts.state.kill("SIGSTOP");
    try {
      await pause(1500);
      for (let i = 0; i < 20; i++) {
        const before = performance.now();
        expect((await get("guarded")).status).toBe(200);
        expect(performance.now() - before).toBeLessThan(1000);
      }
    } finally {
      await parts.state.kill("SIGCONT");
    }
  });

  it("acts alone and waits for nobody when the objects hang while a circuit is open, or while its probe is under way", async () => {
    const timed = async (service: string, path = "/") => {
      const began = performance.now();
      const { status, headers } = await ask({ port: ports.edge, path: `/~${service}.shop${path}` });
      const tookMs = performance.now() - began;
      return { is: String(headers["selvedge-cause"] ?? status), by: headers["selvedge-degraded"], tookMs };
    };
    const shown = async (service: string) => {
      const { json } = await control.call("GET", `/v1/breakers?name=shop/${service}%20by`);
      return (json as BreakersResponse).items[0]?.state;
    };
    const opened = async (service: string) => {
      for (let time = 0; time < 5; time++) await timed(service, "/fail");
      await expect.poll(() => shown(service), { timeout: 15_000 }).toBe("open");
    };
    await opened("probed");
    await pause(2000);
    const probe = timed("probed", "/hang");
    await expect.poll(() => hanging.length, { timeout: 15_000 }).toBe(1);
    expect(await shown("probed")).toBe("half-open");
    await opened("open");
    await parts.state.kill("SIGSTOP");
    const answers = [];
    try {
      answers.push(await timed("open"), await timed("probed"));
      expect(answers.map(({ is }) => is)).toEqual(["breaker-open", "breaker-open"]);
      hanging[0]!.writeHead(200).end();
      expect((await probe).is).toBe("200");
      answers.push(await timed("probed"));
      expect(answers.at(-1)!.is).toBe("200");
      await pause(2000);
      // One tries by this isolate's own permit.
      const trying = await Promise.all([timed("open"), timed("open"), timed("open")]);
      expect(trying.map(({ is }) => is).toSorted()).toEqual(["200", "breaker-open", "breaker-open"]);
      expect(trying.find(({ is }) => is === "200")!.by).toBe("breaker");
      answers.push(...trying, await timed("open"));
      expect(answers.at(-1)!.is).toBe("200");
    } finally {
      await parts.state.kill("SIGCONT");
    }
    // 250 ms of waiting for the object; the rest is this machine's.
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(750);
  });
});

describe("with its stores emptied or corrupted", () => {
  let dir: string;
  let mesh: Mesh;
  let edge: number;
  let control: ControlClient;

  const boot = async (lastGood?: SnapshotResponse) => {
    const port = await freePort();
    edge = await freePort();
    mesh = await bootMesh({
      dir,
      control: { port, token: TOKEN },
      edges: [{ name: "edge", port: edge, ...(lastGood && { lastGood }) }],
      lookEveryMs: 100,
    });
    control = controlClient(port, [edge]);
  };
  const kv = () => mesh.runtime.getKVNamespace("SNAPSHOTS", "control");
  const get = () => ask({ port: edge, path: "/~up.shop/" });
  /** Makes a snapshot the one in force, as control would. */
  const point = async (pointer: Pointer) => {
    await (await kv()).put(POINTER_KEY, JSON.stringify(pointer));
    const stub = await mesh.runtime.getDurableObjectNamespace("FLEET", "control");
    const fleet = stub.get(stub.idFromName("fleet")) as unknown as { announce(pointer: Pointer): Promise<void> };
    await fleet.announce(pointer);
  };
  /** A snapshot of one shard, its manifest in KV and its shard not. */
  const withoutShard = async (version: string) => {
    const { resources } = readFiles([{ name: "test.yaml", text: manifests(version) }]);
    const { manifest, shards } = await published(compile(resources).snapshot);
    const hash = await sha256(manifest);
    await (await kv()).put(snapshotKey(hash), manifest.slice().buffer);
    const [[name, bytes]] = [...shards] as [[string, Uint8Array]];
    return { hash, key: shardKey(name), bytes: bytes.slice().buffer };
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "selvedge-stores-"));
    await boot();
  });
  afterEach(async () => {
    await mesh.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  it.each([
    ["deleted", async (key: string) => (await kv()).delete(key)],
    ["overwritten with garbage", async (key: string) => (await kv()).put(key, "garbage")],
    [
      "cut in half",
      async (key: string) =>
        (await kv()).put(key, ((await (await kv()).get(key, "arrayBuffer")) ?? new ArrayBuffer(0)).slice(0, 20)),
    ],
  ])("serves the last good snapshot after every KV key was %s and the edge restarted, and says so", async (_, harm) => {
    const { epoch } = await control.applied(manifests());
    for (const { name } of (await (await kv()).list()).keys) await harm(name);
    await mesh.dispose();
    await boot();
    const answered = await get();
    expect([answered.status, answered.headers["selvedge-epoch"], answered.headers["selvedge-snapshot"]]).toEqual([
      200,
      String(epoch),
      "cache",
    ]);
    // Mended, the edge notices and has no more to say.
    expect((await control.call("POST", "/v1/publish")).status).toBe(200);
    await expect.poll(async () => (await get()).headers["selvedge-snapshot"], { timeout: 5000 }).toBe(undefined);
  });

  it("serves what its deploy brought along when it has nothing else", async () => {
    await control.applied(manifests());
    const { json } = await control.call("GET", "/v1/snapshot");
    await mesh.dispose();
    await rm(dir, { recursive: true, force: true });
    await boot(json as SnapshotResponse);
    const { status, headers } = await get();
    expect([status, headers["selvedge-snapshot"]]).toEqual([200, "bundle"]);
  });

  it("answers 503 with the cause when there never was a snapshot", async () => {
    const { status, headers } = await get();
    expect([status, headers["selvedge-cause"], headers["retry-after"]]).toEqual([503, "no-snapshot", "1"]);
  });

  it("refuses a snapshot whose bytes are not its hash's, keeps the one it has, and reports why", async () => {
    const { epoch } = await control.applied(manifests());
    const hash = "0".repeat(64);
    await (await kv()).put(snapshotKey(hash), "{}");
    await point({ epoch: epoch + 1, hash });
    await expect
      .poll(async () => {
        await get();
        return (await control.edges()).edges[0]?.nack;
      })
      .toMatchObject({ epoch: epoch + 1, hash, reason: "its bytes do not have its hash" });
    const answered = await get();
    expect([answered.status, answered.headers["selvedge-epoch"]]).toEqual([200, String(epoch)]);
    await serves(edge, epoch);
  });

  it("refuses a snapshot of which a shard in use is not what it should be, and takes it once it is", async () => {
    const { epoch } = await control.applied(manifests());
    expect((await get()).status).toBe(200);
    const { hash, key, bytes } = await withoutShard("2");
    await (await kv()).put(key, "garbage");
    await point({ epoch: epoch + 1, hash });
    await expect
      .poll(async () => {
        await get();
        return (await control.edges()).edges[0]?.nack?.reason;
      })
      .toMatch(/^the bytes of shard [0-9a-f]{64} do not have its hash$/);
    expect((await get()).headers["selvedge-epoch"]).toBe(String(epoch));
    await (await kv()).put(key, bytes);
    await expect.poll(async () => (await get()).headers["selvedge-epoch"]).toBe(String(epoch + 1));
    expect(up.received.at(-1)?.url).toBe("/v2/");
  });

  it("answers 503 with the cause while the shard of a host is not to be had, and serves it as soon as it is", async () => {
    const { hash, key, bytes } = await withoutShard("1");
    await point({ epoch: 1, hash });
    const { status, headers } = await get();
    expect([status, headers["selvedge-cause"], headers["retry-after"]]).toEqual([503, "no-shard", "1"]);
    await (await kv()).put(key, bytes);
    expect((await Promise.all([get(), get(), get()])).map((one) => one.status)).toEqual([200, 200, 200]);
  });
});
