/** Whoever can write to KV can break what is there, and cannot put a configuration in force, neither a new one nor an old one. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JWK } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SignedPointer } from "../../mesh/api.ts";
import { POINTER_KEY } from "../../mesh/snapshot.ts";
import { newSnapshotKey, publicKeys } from "../../cli/snapshot-keys.ts";
import { bootMesh, type Mesh } from "../../local/mesh.ts";
import { ask } from "../support/http.ts";
import { controlClient, type ControlClient, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

let dir: string;
let up: Upstream;
let mesh: Mesh;
let edge: number;
let control: ControlClient;
/** The last pointer that control has signed before any was forged. */
let genuine: SignedPointer;
let keys: readonly [first: JWK, second: JWK];

/** What of the mesh is not new with each start is in `dir`; the edge's cache can be forgotten. */
async function boot({ signing = keys[0], trusted = [keys[0]] }: { signing?: JWK; trusted?: readonly JWK[] } = {}) {
  const port = await freePort();
  edge = await freePort();
  mesh = await bootMesh({
    dir,
    control: { port, token: TOKEN, snapshotKey: JSON.stringify(signing) },
    edges: [{ name: "edge", port: edge }],
    snapshotKeys: JSON.stringify(publicKeys(trusted)),
    lookEveryMs: 100,
  });
  control = controlClient(port, [edge]);
}

async function reboot(how: Parameters<typeof boot>[0] & { readonly forgetCache?: boolean } = {}): Promise<void> {
  await mesh.dispose();
  if (how.forgetCache) await rm(join(dir, "state", "cache"), { recursive: true });
  await boot(how);
}

const manifests = (version: number) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: up, namespace: shop }
spec: { endpoints: [{ url: "${up.url}/v${version}" }] }
`;

const kv = () => mesh.runtime.getKVNamespace("SNAPSHOTS", "control");
const named = async () => JSON.parse((await (await kv()).get(POINTER_KEY, "text")) ?? "") as SignedPointer;
/** Puts a pointer everywhere that an edge hears of one. */
const forge = async (pointer: SignedPointer) => {
  await (await kv()).put(POINTER_KEY, JSON.stringify(pointer));
  const namespace = await mesh.runtime.getDurableObjectNamespace("FLEET", "control");
  const fleet = namespace.get(namespace.idFromName("fleet")) as unknown as {
    announce(to: SignedPointer): Promise<void>;
  };
  await fleet.announce(pointer);
};
/** What edges refuse, those of before a restart too. */
const refusals = async () => {
  await epochServed();
  return (await control.edges()).edges.flatMap(({ nack }) => nack ?? []);
};
const epochServed = async () => Number((await ask({ port: edge, path: "/~up.shop/" })).headers["selvedge-epoch"]);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "selvedge-signatures-"));
  up = await upstream("up");
  keys = [await newSnapshotKey(), await newSnapshotKey()];
  await boot();
});
afterAll(async () => {
  await mesh?.dispose();
  await up?.close();
  await rm(dir, { recursive: true, force: true });
});

it("a fresh edge that KV leads back to an old snapshot, well signed, takes the newest that the fleet has heard of", async () => {
  const { epoch: old } = await control.applied(manifests(1));
  const replayed = await named();
  const { epoch } = await control.applied(manifests(2));
  expect([epoch > old, replayed.epoch, replayed.signature]).toEqual([true, old, expect.any(String)]);
  genuine = await named();
  await (await kv()).put(POINTER_KEY, JSON.stringify(replayed));
  await reboot({ forgetCache: true });
  expect(await epochServed()).toBe(epoch);
});

it("says that it takes signed snapshots alone, and control that all is well", async () => {
  const { body } = await ask({ port: edge, path: "/.well-known/selvedge/health" });
  expect(JSON.parse(body)).toMatchObject({ status: "ok", verifies: true });
  await control.call("POST", "/v1/publish");
  const { json } = await control.call("GET", "/v1/check");
  const { checks } = json as { checks: { description: string; result: string }[] };
  const signed = checks.filter(({ description }) => description.includes("signed"));
  expect(signed.map(({ result }) => result)).toEqual(["success", "success"]);
});

it.each<[string, RegExp, (epoch: number, known: SignedPointer) => SignedPointer]>([
  ["no signature", /^it is not signed/, (epoch, { hash }) => ({ epoch, hash })],
  ["the signature of another epoch", /^none of SNAPSHOT_KEYS/, (epoch, known) => ({ ...known, epoch })],
  ["a signature that is none", /^none of SNAPSHOT_KEYS/, (epoch, { hash }) => ({ epoch, hash, signature: "a.b.c" })],
])("a newer pointer with %s is refused, and the edge says why and serves on", async (_, reason, forged) => {
  const epoch = await epochServed();
  const wrong = forged((await named()).epoch + 1, genuine);
  await forge(wrong);
  await expect
    .poll(refusals, { timeout: 5000 })
    .toContainEqual({ epoch: wrong.epoch, hash: wrong.hash, reason: expect.stringMatching(reason) });
  expect(await epochServed()).toBe(epoch);
  const metrics = await ask({ port: control.port, path: "/metrics", headers: { authorization: `Bearer ${TOKEN}` } });
  expect(metrics.body).toContain('selvedge_edge_refusing_isolates{edge="edge"} 1');
});

it("a key is changed while edges know both, and the old one counts no longer once they know the new one alone", async () => {
  await reboot({ trusted: [keys[0], keys[1]], signing: keys[1], forgetCache: true });
  const { epoch } = await control.applied(manifests(3));
  await reboot({ trusted: [keys[1]], signing: keys[1], forgetCache: true });
  expect(await epochServed()).toBe(epoch);
});
