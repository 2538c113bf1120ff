/** What was applied: read from the Config object, and kept by the isolate, which then asks for no more than what was changed since. */
import { canonicalJson } from "../../mesh/canonical.ts";
import { compareText } from "../../mesh/problem.ts";
import { keyOf, type Resource } from "../../mesh/resources/resource.ts";
import { config, type Env } from "./env.ts";
import type { Mesh } from "./memory.ts";

/** An isolate has 128 MB. A mesh that is kept, with what was compiled of it, takes some eight times its bytes, and a new one as much beside it. */
export const MAX_KEPT_BYTES = 5_000_000;

export async function meshInForce(env: Env): Promise<Mesh> {
  const { mesh: known } = env.memory;
  const mesh = (known && (await goneOn(env, known))) ?? (await meshAt(env));
  if (!mesh) throw new Error("the Config object has no epoch in force");
  keep(env, mesh);
  return mesh;
}

/** For the next change, which finds these very objects. */
export function keep({ memory }: Env, mesh: Mesh): void {
  memory.mesh = bytesOf(mesh.resources) <= MAX_KEPT_BYTES ? mesh : undefined;
}

/** What was applied up to `epoch`, by default the one in force; undefined for an epoch that never was. */
export async function meshAt(env: Env, epoch?: number): Promise<Mesh | undefined> {
  const stored = await config(env).read(epoch);
  if (!stored) return undefined;
  const { hash, bodies } = stored;
  return { epoch: stored.epoch, hash, resources: bodies.map(resourceOf) };
}

/** Undefined where the log is another one. */
async function goneOn(env: Env, from: Mesh): Promise<Mesh | undefined> {
  const since = await config(env).changesSince({ epoch: from.epoch, hash: from.hash });
  if (!since) return undefined;
  const { epoch, hash, changes } = since;
  if (changes.length === 0) return { ...from, epoch, hash };
  const byKey = new Map(from.resources.map((resource) => [keyOf(resource), resource]));
  for (const { key, body } of changes) {
    if (body === null) byKey.delete(key);
    else byKey.set(key, resourceOf(body));
  }
  const resources = [...byKey].sort(([a], [b]) => compareText(a, b)).map(([, resource]) => resource);
  return { epoch, hash, resources };
}

function resourceOf(body: string): Resource {
  const resource = JSON.parse(body) as Resource;
  sizes.set(resource, utf8Length(body));
  return resource;
}

const sizes = new WeakMap<Resource, number>();

/** Of its canonical JSON in UTF-8, as it is stored. */
export function sizeOf(resource: Resource): number {
  const size = sizes.get(resource) ?? utf8Length(canonicalJson(resource));
  sizes.set(resource, size);
  return size;
}

export const bytesOf = (resources: readonly Resource[]): number =>
  resources.reduce((sum, resource) => sum + sizeOf(resource), 0);

const utf8Length = (text: string): number => new TextEncoder().encode(text).byteLength;
