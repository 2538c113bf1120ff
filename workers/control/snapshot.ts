/** Resources to published snapshot to hash, and what the platform can hold of either. */
import type { MeshIdentity } from "../../mesh/identity.ts";
import type { Pointer } from "../../mesh/api.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { readManifest } from "../../mesh/manifest.ts";
import type { Problem } from "../../mesh/problem.ts";
import { encode, type Published } from "../../mesh/published.ts";
import { type Resource, titleOf } from "../../mesh/resources/resource.ts";
import { MAX_SHARD_BYTES, MAX_SNAPSHOT_BYTES, shardKey, snapshotKey } from "../../mesh/snapshot.ts";
import type { Env } from "./env.ts";
import { bytesOf, MAX_KEPT_BYTES, sizeOf } from "./mesh.ts";
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

/** Compiles the whole mesh. A problem of severity error means that it must not be committed. */
export async function compiled(
  { memory }: Env,
  resources: readonly Resource[],
  identity: MeshIdentity | undefined,
): Promise<Compiled> {
  const { compiled: before } = memory;
  const { snapshot, problems, memo } = compile(resources, identity, before?.memo);
  const published = await encode(snapshot, sha256, before?.published);
  memory.compiled = bytesOf(resources) <= MAX_KEPT_BYTES ? { memo, published } : undefined;
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
  for (const resource of resources) {
    const bytes = sizeOf(resource);
    if (bytes <= MAX_RESOURCE_BYTES) continue;
    yield {
      ...refused,
      resource: titleOf(resource),
      message: `takes ${bytes} bytes; a resource may take ${MAX_RESOURCE_BYTES}`,
      fix: "split it in two",
    };
  }
  const meshBytes = bytesOf(resources);
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
