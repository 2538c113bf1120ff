import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type {
  ApiProblem,
  ChangeResponse,
  HistoryResponse,
  Pointer,
  ResourcesResponse,
  SnapshotResponse,
} from "../../mesh/api.ts";
import { canonicalJson } from "../../mesh/canonical.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { accepted, apply, applying, get, post, refused, remove, send, sendWith, service } from "./client.ts";

beforeEach(() => reset());

const names = async () => (await get<ResourcesResponse>("/v1/resources")).items.map(({ metadata }) => metadata.name);
const epoch = async () => (await get<ResourcesResponse>("/v1/resources")).epoch;
const base64 = (bytes: ArrayBuffer | null): string => btoa(String.fromCharCode(...new Uint8Array(bytes!)));
const actions = ({ results }: { results: readonly { action: string; name: string }[] }) =>
  results.map(({ action, name }) => `${name} ${action}`);

describe("apply", () => {
  it("makes an epoch, stores it, and publishes blob and pointer", async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    const answer = await apply(service("cart") + service("stock"), { author: "ada", message: "two services" });
    expect(answer).toMatchObject({ epoch: 1, changed: true });
    expect(answer.results).toEqual([
      { kind: "Service", namespace: "default", name: "cart", action: "created" },
      { kind: "Service", namespace: "default", name: "stock", action: "created" },
    ]);

    const { items } = await get<ResourcesResponse>("/v1/resources");
    expect(items.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name])).toEqual([
      ["Service", "default", "cart"],
      ["Service", "default", "stock"],
    ]);
    expect(Date.parse(items[0]?.metadata.creationTimestamp ?? "")).toBeGreaterThanOrEqual(before);

    expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: 1, hash: answer.hash });
    const { manifest, shards } = await get<SnapshotResponse>("/v1/snapshot");
    const stored = async (key: string) => base64(await env.SNAPSHOTS.get(key, "arrayBuffer"));
    expect(await stored(`snapshot/${answer.hash}`)).toBe(manifest);
    expect(Object.keys(shards)).toHaveLength(1);
    for (const [hash, shard] of Object.entries(shards)) expect(await stored(`shard/${hash}`)).toBe(shard);
    expect(await checkIn()).toEqual({ epoch: 1, hash: answer.hash });

    const { items: log } = await get<HistoryResponse>("/v1/history");
    expect(log).toMatchObject([
      { epoch: 1, hash: answer.hash, author: "admin (ada)", message: "two services", created: 2 },
    ]);
  });

  it("goes on from what another isolate of control made, of which this one has seen nothing", async () => {
    await apply(service("cart") + service("pay"));
    const { items } = await get<ResourcesResponse>("/v1/resources");
    const key = (name: string) => `Service/default/${name}`;
    const body = canonicalJson({ ...items[0], metadata: { ...items[0]!.metadata, name: "other" }, status: undefined });
    await env.CONFIG.getByName("config").commit({
      base: 1,
      hash: "b".repeat(64),
      author: "another",
      action: "apply",
      role: "editor",
      message: "",
      at: 0,
      puts: [{ key: key("other"), body }],
      deletes: [key("cart")],
      created: 1,
      configured: 0,
      deleted: 1,
    });
    expect(await names()).toEqual(["other", "pay"]);
    expect(actions(await apply(service("other") + service("new")))).toEqual(["other unchanged", "new created"]);
    expect([await names(), await epoch()]).toEqual([["new", "other", "pay"], 3]);
  });

  it("is a success and makes no epoch when nothing differs", async () => {
    const first = await apply(service("cart"));
    const again = await apply(service("cart"));
    expect(again).toMatchObject({ epoch: 1, hash: first.hash, changed: false });
    expect(actions(again)).toEqual(["cart unchanged"]);
    expect((await get<HistoryResponse>("/v1/history")).items).toHaveLength(1);
  });

  it("takes back what resources shows, unchanged", async () => {
    await apply(service("cart"));
    const { items } = await get<ResourcesResponse>("/v1/resources");
    expect(await apply(items.map((item) => JSON.stringify(item)).join("\n---\n"))).toMatchObject({ changed: false });
  });

  it("does nothing for no files on an empty mesh", async () => {
    expect(await accepted(await send("/v1/apply", post({ files: [] })))).toMatchObject({ epoch: 0, changed: false });
  });

  it("keeps the time of creation when a resource changes", async () => {
    const stamp = async () => (await get<ResourcesResponse>("/v1/resources")).items[0]?.metadata.creationTimestamp;
    await apply(service("cart").replace("name: cart", 'name: cart, creationTimestamp: "2020-01-02T03:04:05Z"'));
    expect(await stamp()).toBe("2020-01-02T03:04:05Z");
    expect(actions(await apply(service("cart", 81)))).toEqual(["cart configured"]);
    expect(await stamp()).toBe("2020-01-02T03:04:05Z");
  });

  it("leaves what the files do not name, unless told to prune", async () => {
    await apply(service("a") + service("b"));
    await apply(service("c"));
    expect(await names()).toEqual(["a", "b", "c"]);
    expect(actions(await apply(service("c"), { prune: true }))).toEqual(["c unchanged", "a deleted", "b deleted"]);
    expect(await names()).toEqual(["c"]);
  });

  it("changes nothing on a dry run, and shows what would change", async () => {
    await apply(service("a") + service("b"));
    const answer = await apply(service("a", 81) + service("c"), { prune: true, dryRun: true });
    expect(answer).toMatchObject({ epoch: 1, changed: true });
    expect(actions(answer)).toEqual(["a configured", "c created", "b deleted"]);
    const ports = (resource: Resource | undefined) => resource?.["spec"];
    expect(answer.results.map(({ before, after }) => [ports(before), ports(after)])).toMatchObject([
      [{ ports: [{ port: 80 }] }, { ports: [{ port: 81 }] }],
      [undefined, { ports: [{ port: 80 }] }],
      [{ ports: [{ port: 80 }] }, undefined],
    ]);
    expect(await names()).toEqual(["a", "b"]);
    expect((await env.SNAPSHOTS.list({ prefix: "snapshot/" })).keys).toHaveLength(1);
    expect(await epoch()).toBe(1);
  });

  it("tells every problem at once, each with its place, and leaves the epoch", async () => {
    await apply(service("cart"));
    const text = `${service("good")}
apiVersion: v1
kind: Service
metadata: {name: bad}
spec: {ports: [{port: 99999999, prot: TCP}]}
---
kind: Nonsense
apiVersion: v1
metadata: {name: x}
---
a: [
`;
    const { said, problem } = await refused(await send("/v1/apply", applying(text)));
    expect(said).toBe("422 invalid-configuration");
    const codes = new Set(problem.problems?.map(({ code }) => code));
    expect(codes).toEqual(new Set(["invalid-value", "unknown-key", "unknown-kind", "yaml-syntax"]));
    for (const { at } of problem.problems ?? []) expect(at?.file).toBe("mesh.yaml");
    expect(await names()).toEqual(["cart"]);
    expect(await epoch()).toBe(1);
  });

  it("refuses a resource that a row cannot hold", async () => {
    const text = service("big").replace("name: big", `name: big, annotations: {note: ${"é".repeat(1_000_000)}}`);
    const { said, problem } = await refused(await send("/v1/apply", applying(text)));
    expect(said).toBe("422 invalid-configuration");
    expect(problem.problems).toMatchObject([{ code: "too-large", resource: "Service default/big" }]);
    expect(await epoch()).toBe(0);
  });
});

describe("If-Match", () => {
  it("lets a change through on the epoch in force only", async () => {
    await apply(service("a"));
    const stale = await send("/v1/apply", applying(service("b"), {}, { "if-match": '"0"' }));
    const { said, problem } = await refused(stale);
    expect([said, problem.epoch]).toEqual(["412 epoch-mismatch", 1]);
    expect(await names()).toEqual(["a"]);
    const fresh = await send("/v1/apply", applying(service("b"), {}, { "if-match": '"1"' }));
    expect([fresh.status, fresh.headers.get("etag")]).toEqual([200, '"2"']);
  });

  it("lets exactly one of many rivals through", async () => {
    await apply(service("a"));
    const rivals = Array.from({ length: 8 }, (_, n) =>
      send("/v1/apply", applying(service(`rival-${n}`), {}, { "if-match": '"1"' })),
    );
    const statuses = (await Promise.all(rivals)).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, ...Array<number>(7).fill(412)]);
    expect(await epoch()).toBe(2);
  });

  it.each(["1", 'W/"1"', '"x"', '"1", "2"'])("does not guess what %s means", async (condition) => {
    const response = await send("/v1/apply", applying(service("a"), {}, { "if-match": condition }));
    expect((await refused(response)).said).toBe("400 invalid-request");
  });
});

it("lands all of twenty applies at once, each in an epoch of its own", async () => {
  const all = Array.from({ length: 20 }, (_, n) => `service-${String(n).padStart(2, "0")}`);
  const answers = await Promise.all(all.map((name) => apply(service(name))));
  expect(answers.map((answer) => answer.epoch).toSorted((a, b) => a - b)).toEqual(all.map((_, n) => n + 1));
  expect(await names()).toEqual(all);
  const { epoch: inForce, hash } = await get<SnapshotResponse>("/v1/snapshot");
  expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: inForce, hash });
  const last = answers.find((answer) => answer.epoch === 20);
  expect([inForce, hash]).toEqual([20, last?.hash]);
});

describe("delete", () => {
  it("takes out what it names, by any name of the kind", async () => {
    await apply(service("a") + service("b") + service("c"));
    const refs = [
      { kind: "svc", name: "b" },
      { kind: "Service", namespace: "default", name: "a" },
    ];
    expect(actions(await remove({ refs, dryRun: true }))).toEqual(["a deleted", "b deleted"]);
    expect(await names()).toEqual(["a", "b", "c"]);
    expect(await remove({ refs, message: "tidy" })).toMatchObject({ epoch: 2, changed: true });
    expect(await names()).toEqual(["c"]);
    expect((await get<HistoryResponse>("/v1/history")).items[0]).toMatchObject({ message: "tidy", deleted: 2 });
  });

  it("deletes nothing when one of the names is not there, and tells all that are not", async () => {
    await apply(service("a"));
    const refs = ["a", "b", "c"].map((name) => ({ kind: "Service", name }));
    const { said, problem } = await refused(await send("/v1/delete", post({ refs })));
    expect(said).toBe("422 invalid-configuration");
    expect(problem.problems?.map(({ resource }) => resource)).toEqual(["Service default/b", "Service default/c"]);
    expect(await names()).toEqual(["a"]);
  });
});

describe("rollback", () => {
  it("brings an old epoch back as a new one with the old hash", async () => {
    const first = await apply(service("a") + service("b"));
    await apply(service("a", 81) + service("c"), { prune: true });
    const back = await accepted(await send("/v1/rollback", post({ to: 1 })));
    expect(back).toMatchObject({ epoch: 3, hash: first.hash, changed: true });
    expect(actions(back)).toEqual(["a configured", "b created", "c deleted"]);
    expect(await names()).toEqual(["a", "b"]);
    expect((await get<HistoryResponse>("/v1/history")).items[0]?.message).toBe("Roll back to epoch 1");
    expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: 3, hash: first.hash });
  });

  it("is a success without an epoch when that set is in force", async () => {
    await apply(service("a"));
    expect(await accepted(await send("/v1/rollback", post({ to: 1 })))).toMatchObject({ epoch: 1, changed: false });
  });

  it("refuses an epoch that never was", async () => {
    expect((await refused(await send("/v1/rollback", post({ to: 7 })))).said).toBe("404 not-found");
  });
});

/** KV with something happening before each write. */
const withPut = (before: (key: string) => Promise<void>): KVNamespace =>
  new Proxy(env.SNAPSHOTS, {
    get: (kv, property: keyof KVNamespace) =>
      property === "put"
        ? async (key: string, value: string) => {
            await before(key);
            return kv.put(key, value);
          }
        : kv[property].bind(kv),
  });

const checkIn = () =>
  env.FLEET.getByName("fleet").checkIn({
    id: "e",
    name: "edge",
    colo: "AMS",
    epoch: 0,
    hash: "",
    source: "none",
  });

describe("publication", () => {
  it("writes shards, then the manifest, then commits, and the pointer after it", async () => {
    const order: string[] = [];
    const SNAPSHOTS = withPut(async (key) => {
      order.push(`${key.replace(/\/.*/, "")} at epoch ${(await env.CONFIG.getByName("config").head()).epoch}`);
    });
    await accepted(await sendWith({ SNAPSHOTS }, "/v1/apply", applying(service("a"))));
    expect(order).toEqual(["shard at epoch 0", "snapshot at epoch 0", "pointer at epoch 1"]);
  });

  it("ends on the newest epoch, though an older apply writes its pointer last", async () => {
    let rival: ChangeResponse | undefined;
    const SNAPSHOTS = withPut(async (key) => {
      if (key === "pointer") rival ??= await apply(service("b"));
    });
    const answer = await accepted(await sendWith({ SNAPSHOTS }, "/v1/apply", applying(service("a"))));
    expect([answer.epoch, rival?.epoch]).toEqual([1, 2]);
    expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: 2, hash: rival?.hash });
  });

  it("works a change out again when another one came in between", async () => {
    let rival: ChangeResponse | undefined;
    const SNAPSHOTS = withPut(async () => {
      rival ??= await apply(service("b") + service("a", 81));
    });
    const answer = await accepted(await sendWith({ SNAPSHOTS }, "/v1/apply", applying(service("a"))));
    expect([rival?.epoch, answer.epoch, actions(answer)]).toEqual([1, 2, ["a configured"]]);
    expect(await names()).toEqual(["a", "b"]);
  });
});

describe("while KV fails", () => {
  const logged = vi.spyOn(console, "error");
  beforeEach(() => {
    logged.mockReset().mockImplementation(() => {});
  });

  const failing = (fails: (key: string) => boolean) =>
    withPut(async (key) => {
      if (fails(key)) throw new Error("KV PUT failed: 429 Too Many Requests");
    });

  it("says that nothing changed when the blob could not be stored", async () => {
    await apply(service("a"));
    const SNAPSHOTS = failing((key) => key.startsWith("snapshot/"));
    const { said, problem } = await refused(await sendWith({ SNAPSHOTS }, "/v1/apply", applying(service("b"))));
    expect([said, problem.epoch]).toEqual(["503 unavailable", 1]);
    expect(await names()).toEqual(["a"]);
    expect(await epoch()).toBe(1);
    expect(logged).toHaveBeenCalledOnce();
  });

  it("says that the change stands when only the pointer could not be written; the next tick moves it", async () => {
    const first = await apply(service("a"));
    const SNAPSHOTS = failing((key) => key === "pointer");
    const answer = await accepted(await sendWith({ SNAPSHOTS }, "/v1/apply", applying(service("b"))));
    expect(answer).toMatchObject({ epoch: 2, changed: true });
    expect(answer.problems).toMatchObject([{ severity: "warning", code: "not-published" }]);
    expect(await names()).toEqual(["a", "b"]);
    expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: 1, hash: first.hash });
    expect(await checkIn()).toEqual({ epoch: 2, hash: answer.hash });

    await send("/v1/publish", { method: "POST" });
    expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: 2, hash: answer.hash });
  });

  it("takes an unchanged apply for the success it is", async () => {
    await apply(service("a"));
    await env.SNAPSHOTS.delete("pointer");
    const SNAPSHOTS = failing(() => true);
    const answer = await accepted(await sendWith({ SNAPSHOTS }, "/v1/apply", applying(service("a"))));
    expect(answer).toMatchObject({ epoch: 1, changed: false, problems: [{ code: "not-published" }] });
  });

  it("says so when asked to publish", async () => {
    await apply(service("a"));
    await env.SNAPSHOTS.delete("pointer");
    const response = await sendWith({ SNAPSHOTS: failing(() => true) }, "/v1/publish", { method: "POST" });
    expect((await refused(response)).said).toBe("503 unavailable");
  });

  it("stands by the commit when the fleet object does not answer", async () => {
    const FLEET = {
      getByName: () => ({ announce: () => Promise.reject(new Error("gone")) }),
    } as unknown as typeof env.FLEET;
    const answer = await accepted(await sendWith({ FLEET }, "/v1/apply", applying(service("a"))));
    expect(answer).toMatchObject({ epoch: 1, changed: true, problems: [{ code: "not-published" }] });
    expect(await env.SNAPSHOTS.get<Pointer>("pointer", "json")).toEqual({ epoch: 1, hash: answer.hash });
  });
});

it("refuses reserved addresses where they are written, but in a local mesh", async () => {
  const text = `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: credentials, namespace: shop }
spec:
  endpoints:
    - url: http://169.254.169.254/latest
`;
  const response = await sendWith({ ALLOW_RESERVED: "false" }, "/v1/apply", applying(text));
  expect(response.status).toBe(422);
  const { problems } = await response.json<ApiProblem>();
  expect(problems).toMatchObject([
    { code: "reserved-address", path: "spec.endpoints[0].url", at: { file: "mesh.yaml", line: 7, col: 7 } },
  ]);
});
