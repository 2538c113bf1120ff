/** Resources to published snapshot to hash, and what the platform can hold of either. */
import type { MeshIdentity } from "../../mesh/identity.ts";
import type { Pointer } from "../../mesh/api.ts";
import { canonicalJson } from "../../mesh/canonical.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { readManifest } from "../../mesh/manifest.ts";
import type { Problem } from "../../mesh/problem.ts";
import { encode, type Published } from "../../mesh/published.ts";
import { type Resource, titleOf } from "../../mesh/resources/resource.ts";
import { MAX_SHARD_BYTES, MAX_SNAPSHOT_BYTES, shardKey, snapshotKey } from "../../mesh/snapshot.ts";
import { config, type Env } from "./env.ts";
import { sha256 } from "./sha256.ts";

/** A row of the Config object holds 2 MB; the rest is for the row's hash. */
const MAX_RESOURCE_BYTES = 2_000_000 - 1024;
/** What one call of the Config object can carry: 32 MiB, and a text takes up to two bytes a character there. */
const MAX_MESH_BYTES = 15 * 1024 * 1024;

export type Compiled = {
  readonly published: Published;
  /** The manifest's: the snapshot's name. */
  readonly hash: string;
  readonly problems: readonly Problem[];
};

export type Mesh = Pointer & { readonly resources: readonly Resource[] };

/** What was applied up to `epoch`, by default the one in force; undefined for an epoch that never was. */
export async function meshAt(env: Env, epoch?: number): Promise<Mesh | undefined> {
  const stored = await config(env).read(epoch);
  if (!stored) return undefined;
  const { hash, bodies } = stored;
  return { epoch: stored.epoch, hash, resources: bodies.map((body) => JSON.parse(body) as Resource) };
}

export async function meshInForce(env: Env): Promise<Mesh> {
  const mesh = await meshAt(env);
  if (!mesh) throw new Error("the Config object has no epoch in force");
  return mesh;
}

/** Compiles the whole mesh. A problem of severity error means that it must not be committed. */
export async function compiled(resources: readonly Resource[], identity: MeshIdentity | undefined): Promise<Compiled> {
  const { snapshot, problems } = compile(resources, identity);
  const published = await encode(snapshot, sha256);
  return {
    published,
    hash: await sha256(published.manifest),
    problems: [...problems, ...tooLarge(resources, published)],
  };
}

/** The snapshot as KV has it; undefined when a part of it is missing or is not what its hash says. */
export async function publishedAt(env: Env, { hash }: Pointer): Promise<Published | undefined> {
  const manifest = await blobAt(env, snapshotKey(hash), hash);
  if (!manifest) return undefined;
  const shards = await Promise.all(
    readManifest(manifest).shards.map(
      async (shard) => [shard.hash, await blobAt(env, shardKey(shard.hash), shard.hash)] as const,
    ),
  );
  const there = shards.filter((shard): shard is [string, Uint8Array] => shard[1] !== undefined);
  return there.length === shards.length ? { manifest, shards: new Map(there) } : undefined;
}

async function blobAt(env: Env, key: string, hash: string): Promise<Uint8Array | undefined> {
  const stored = await env.SNAPSHOTS.get(key, "arrayBuffer");
  const bytes = stored && new Uint8Array(stored);
  return bytes && (await sha256(bytes)) === hash ? bytes : undefined;
}

function* tooLarge(resources: readonly Resource[], { manifest, shards }: Published): Iterable<Problem> {
  const refused = { severity: "error", code: "too-large" } as const;
  let meshBytes = 0;
  for (const resource of resources) {
    const bytes = bytesOf(canonicalJson(resource));
    meshBytes += bytes;
    if (bytes <= MAX_RESOURCE_BYTES) continue;
    yield {
      ...refused,
      resource: titleOf(resource),
      message: `takes ${bytes} bytes; a resource may take ${MAX_RESOURCE_BYTES}`,
      fix: "split it in two",
    };
  }
  if (meshBytes > MAX_MESH_BYTES) {
    yield { ...refused, message: `all resources together take ${meshBytes} bytes; a mesh may take ${MAX_MESH_BYTES}` };
  }
  const sizes = [...shards.values()].map(({ byteLength }) => byteLength);
  const largest = Math.max(0, ...sizes);
  if (largest > MAX_SHARD_BYTES)
    yield {
      ...refused,
      message: `the routes of one host or Service take ${largest} bytes in the snapshot; an edge takes ${MAX_SHARD_BYTES}`,
      fix: "give them several hosts",
    };
  const whole = sizes.reduce((sum, size) => sum + size, manifest.byteLength);
  if (whole > MAX_SNAPSHOT_BYTES)
    yield { ...refused, message: `the snapshot takes ${whole} bytes; control writes up to ${MAX_SNAPSHOT_BYTES}` };
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength;
