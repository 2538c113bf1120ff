/** Resources to snapshot text to hash, and what the platform can hold of either. */
import { hexOf } from "../../mesh/hex.ts";
import type { Pointer } from "../../mesh/api.ts";
import { canonicalJson } from "../../mesh/canonical.ts";
import { compile } from "../../mesh/compile/compile.ts";
import type { Problem } from "../../mesh/problem.ts";
import { type Resource, titleOf } from "../../mesh/resources/resource.ts";
import { MAX_SNAPSHOT_BYTES, snapshotKey } from "../../mesh/snapshot.ts";
import { config, type Env } from "./env.ts";

/** A row of the Config object holds 2 MB; the rest is for the row's hash. */
const MAX_RESOURCE_BYTES = 2_000_000 - 1024;
/** What one call of the Config object can carry: 32 MiB, and a text takes up to two bytes a character there. */
const MAX_MESH_BYTES = 15 * 1024 * 1024;

export type Compiled = { readonly text: string; readonly hash: string; readonly problems: readonly Problem[] };

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
export async function compiled(resources: readonly Resource[]): Promise<Compiled> {
  const { text, problems } = compile(resources);
  return { text, hash: await sha256(text), problems: [...problems, ...tooLarge(resources, text)] };
}

/** The snapshot as KV has it; undefined when it is missing or is not what its hash says. */
export async function publishedText(env: Env, { hash }: Pointer): Promise<string | undefined> {
  const text = await env.SNAPSHOTS.get(snapshotKey(hash));
  return text !== null && (await sha256(text)) === hash ? text : undefined;
}

function* tooLarge(resources: readonly Resource[], text: string): Iterable<Problem> {
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
  if (bytesOf(text) > MAX_SNAPSHOT_BYTES) {
    yield { ...refused, message: `the snapshot takes ${bytesOf(text)} bytes; an edge takes ${MAX_SNAPSHOT_BYTES}` };
  }
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength;

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return hexOf(new Uint8Array(digest));
}
