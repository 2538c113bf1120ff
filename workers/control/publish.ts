/**
 * Publication: the Config object has the truth, KV has what edges read, the fleet object spreads the news.
 * The order is shards, manifest, commit, pointer: nothing names what was not written before it.
 */
import type { Pointer, PublishResponse } from "../../mesh/api.ts";
import { parsePointer } from "../../mesh/pointer.ts";
import type { Problem } from "../../mesh/problem.ts";
import { readManifest } from "../../mesh/manifest.ts";
import { POINTER_KEY, shardKey, snapshotKey } from "../../mesh/snapshot.ts";
import { config, type Env, fleet, identities } from "./env.ts";
import { identityView } from "./identity-view.ts";
import { Refusal } from "./refusal.ts";
import { meshInForce } from "./mesh.ts";
import { signed } from "./signing.ts";
import { type Compiled, compiled, publishedAt } from "./snapshot.ts";

/** How often an apply writes the pointer again because another one was quicker. */
const MAX_ROUNDS = 10;

/**
 * Before a commit: what KV does not have yet. The shards of `base`, the snapshot in force, are there. The manifest goes last, so
 * that whoever finds it finds its shards.
 */
export async function putSnapshot(
  env: Env,
  { hash, published: { manifest, shards } }: Pick<Compiled, "hash" | "published">,
  base: string,
): Promise<void> {
  const there = new Set(base === "" ? [] : await shardsOf(env, base));
  await Promise.all(
    [...shards].map(async ([name, bytes]) => {
      if (!there.has(name)) await putMissing(env, shardKey(name), bytes);
    }),
  );
  await putMissing(env, snapshotKey(hash), manifest);
  env.memory.written = { hash, shards: [...shards.keys()] };
}

/** A listing is no read of the key: reading a missing key makes KV remember it as missing for a minute. */
async function putMissing(env: Env, key: string, bytes: Uint8Array): Promise<void> {
  const { keys } = await env.SNAPSHOTS.list({ prefix: key, limit: 1 });
  if (keys.length === 0) await env.SNAPSHOTS.put(key, bytes);
}

/** Whatever KV has: it may be there and be corrupt. */
async function rewrite(env: Env, { hash, published: { manifest, shards } }: Compiled): Promise<void> {
  await Promise.all([...shards].map(([name, bytes]) => env.SNAPSHOTS.put(shardKey(name), bytes)));
  await env.SNAPSHOTS.put(snapshotKey(hash), manifest);
}

/** The hashes of a snapshot's shards; none where its manifest cannot be read. */
async function shardsOf(env: Env, hash: string): Promise<readonly string[]> {
  const { written } = env.memory;
  if (written?.hash === hash) return written.shards;
  try {
    const manifest = await env.SNAPSHOTS.get(snapshotKey(hash), "arrayBuffer");
    return manifest ? readManifest(new Uint8Array(manifest)).shards.map((shard) => shard.hash) : [];
  } catch {
    return [];
  }
}

/**
 * After a commit: tells the fleet, then moves the pointer. The commit stands whatever happens here, so failures are
 * warnings; KV takes one write a second for a key, so they are to be expected. `publish` mends them within a minute.
 */
export async function announce(env: Env, committed: Pointer): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  try {
    await fleet(env).announce(await signed(env, committed));
  } catch (error) {
    console.error(error);
    problems.push(warning("the fleet object did not answer: edges learn of this epoch from KV, within about a minute"));
  }
  try {
    await movePointer(env, committed);
  } catch (error) {
    console.error(error);
    problems.push(warning("the pointer in KV could not be written: edges learn of this epoch from the fleet object"));
  }
  return problems;
}

/**
 * The newest epoch that anyone else knows of; normally the one in force or an earlier one. It is later when the Config object was
 * emptied or restored to an earlier state: edges take only later epochs than their own, so the log has to go on above it.
 */
export async function newestElsewhere(env: Env): Promise<number> {
  return Math.max(...(await Promise.all([newestOfFleet(env), newestInKv(env)])));
}

async function newestOfFleet(env: Env): Promise<number> {
  try {
    return await fleet(env).newestEpoch();
  } catch (error) {
    console.error(error);
    return 0;
  }
}

/** By a listing first: reading a missing key makes KV remember it as missing for a minute. */
async function newestInKv(env: Env): Promise<number> {
  try {
    const { keys } = await env.SNAPSHOTS.list({ prefix: POINTER_KEY, limit: 1 });
    const pointer = keys.length === 0 ? undefined : parsePointer(await env.SNAPSHOTS.get(POINTER_KEY));
    if (!pointer) return 0;
    // Anyone's number would let whoever writes to KV use up the epochs.
    return env.SNAPSHOT_KEY && (await signed(env, pointer)).signature !== pointer.signature ? 0 : pointer.epoch;
  } catch (error) {
    console.error(error);
    return 0;
  }
}

/** Makes KV and the fleet say what the Config object says. Does nothing before the first apply. */
export async function publish(env: Env): Promise<PublishResponse> {
  // Before the head, so that an apply in between cannot make the fleet seem ahead.
  const heard = await newestOfFleet(env);
  const head = await config(env).head();
  // Whatever KV still names then is a last good snapshot from before the loss of the Config object: better than none.
  if (head.epoch === 0) return { ...head, mended: [] };

  const mended: PublishResponse["mended"][number][] = [];
  let inForce: Pointer = head;
  if (heard > head.epoch) {
    inForce = await goOnAbove(env, heard);
    mended.push("epoch");
  } else if ((await publishedAt(env, head)) === undefined) {
    inForce = await rewriteSnapshot(env);
    mended.push("snapshot");
  }
  const pointer = parsePointer(await env.SNAPSHOTS.get(POINTER_KEY));
  const wanted = await signed(env, inForce);
  if (pointer?.epoch !== wanted.epoch || pointer.hash !== wanted.hash || pointer.signature !== wanted.signature) {
    await movePointer(env, inForce);
    mended.push("pointer");
  }
  await fleet(env).announce(wanted);
  return { ...inForce, mended };
}

/** `publish` for an operator, who is to hear that it failed rather than that control did. */
export async function publishNow(env: Env): Promise<PublishResponse> {
  try {
    const published = await publish(env);
    return { ...published, ...(await mendIdentity(env)) };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    console.error(error);
    throw new Refusal("unavailable", {
      detail: "KV or a state object did not answer; the next minute's tick tries again.",
    });
  }
}

/** `publish` for an apply that found nothing to change: it has succeeded whatever becomes of KV. */
export async function mend(env: Env, head: Pointer): Promise<Pointer & { readonly problems: readonly Problem[] }> {
  try {
    const { epoch, hash } = await publish(env);
    return { epoch, hash, problems: [] };
  } catch (error) {
    console.error(error);
    return { ...head, problems: [warning("KV could not be checked; control tries again within a minute")] };
  }
}

/** The snapshot that the stored resources compile to. */
export async function recompiled(env: Env): Promise<{ readonly head: Pointer; readonly compiled: Compiled }> {
  const { epoch, hash, resources } = await meshInForce(env);
  // After the mesh: what is compiled on an epoch is never older than that epoch.
  const { identity } = await identityView(env);
  return { head: { epoch, hash }, compiled: await compiled(env, resources, identity) };
}

/**
 * A change of identities is a new epoch of the same resources: edges hear of it as of any other. Before the first apply there is nothing that
 * it could change.
 */
export async function publishIdentity(env: Env, message: string): Promise<Pointer> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const version = await identities(env).version();
    const { head, compiled } = await recompiled(env);
    const { hash } = compiled;
    if (head.epoch === 0 || hash === head.hash) {
      await identities(env).publishedTo(version);
      return head;
    }
    await putSnapshot(env, compiled, head.hash);
    const committed = await recommit(env, { ...head, hash }, message).catch((error: unknown) => {
      if (error instanceof Refusal) return undefined;
      throw error;
    });
    if (!committed) continue;
    await announce(env, committed);
    await identities(env).publishedTo(version);
    return committed;
  }
  const detail =
    "The change is stored, and edges do not know it yet: too many applies at once. Control tries again within a minute.";
  throw new Refusal("unavailable", { detail }, { headers: { "retry-after": "1" } });
}

/** A change of identities whose publication was cut short. */
export async function mendIdentity(env: Env): Promise<Pointer | undefined> {
  return (await identities(env).isPublished()) ? undefined : publishIdentity(env, "Identities published");
}

async function rewriteSnapshot(env: Env): Promise<Pointer> {
  const { head, compiled } = await recompiled(env);
  await rewrite(env, compiled);
  const { hash } = compiled;
  if (hash === head.hash) return head;
  // Another release of control compiled the lost one, and its bytes cannot be had again: equal resources, new epoch.
  return recommit(env, { ...head, hash }, `Recompiled: the snapshot of epoch ${head.epoch} was lost`);
}

/** The Config object lost the end of its log, and edges run what stood there: what is left of it becomes a later epoch. */
async function goOnAbove(env: Env, heard: number): Promise<Pointer> {
  const {
    head: { epoch },
    compiled,
  } = await recompiled(env);
  await rewrite(env, compiled);
  const message = `Went on from epoch ${epoch}: edges run up to epoch ${heard}, which the log has lost`;
  return recommit(env, { epoch, hash: compiled.hash }, message, heard);
}

/** The same resources as a new epoch, later than `above`. */
async function recommit(env: Env, { epoch, hash }: Pointer, message: string, above = epoch): Promise<Pointer> {
  const committed = await config(env).commit({
    base: epoch,
    above,
    hash,
    author: "control",
    action: "publish",
    role: "",
    message,
    at: Date.now(),
    puts: [],
    deletes: [],
    created: 0,
    configured: 0,
    deleted: 0,
  });
  if (!committed.ok) throw new Refusal("unavailable", { detail: "An apply came in between. Try again." });
  return { epoch: committed.epoch, hash };
}

/** Two applies may write in the wrong order; whoever wrote what is no longer the newest epoch writes again. */
async function movePointer(env: Env, to: Pointer): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { epoch } = to;
    await env.SNAPSHOTS.put(POINTER_KEY, JSON.stringify(await signed(env, to)));
    to = await config(env).head();
    if (to.epoch === epoch) return;
  }
  throw new Error(`the pointer was overtaken by ${MAX_ROUNDS} applies; the next publication moves it`);
}

const warning = (message: string): Problem => ({ severity: "warning", code: "not-published", message });
