/**
 * Which shards this isolate holds. Those of hosts that have traffic: the first request for a host waits for its shard, and a newer
 * snapshot is put in force only when it has all that the one before it was serving from.
 */
import type { ShardName } from "../../mesh/manifest.ts";
import { type Matcher, mayServe } from "../../mesh/match.ts";
import { settle, wantedIn } from "../../mesh/residence.ts";
import { MAX_SHARD_BYTES } from "../../mesh/snapshot.ts";
import { adopt, type Shard } from "../../mesh/shard/read.ts";
import type { Active, Isolate } from "./isolate.ts";
import { bundledShard, cachedShard, keepShard, kvShard, sha256, STORE_MS, type Stores } from "./stores.ts";

/** Of 128 MB that an isolate has. Twice as much while one snapshot follows another of which every shard is new. */
const RESIDENT_BYTES = 12 * 1024 * 1024;
/** A request waits so long for a shard that another one is loading. */
const WAIT_MS = STORE_MS + 500;
const POLL_MS = 10;

/** Loads what `next` has to have before it takes over. False where a shard is not to be had yet; throws on one that is wrong. */
export async function warm(isolate: Isolate, stores: Stores, next: Matcher): Promise<boolean> {
  for (;;) {
    const previous = isolate.active?.routes;
    const lacking = previous ? wantedIn(next, previous).filter((number) => !next.shards[number]) : [];
    // The last look is followed by the swap, without a pause in which a request could make another one resident.
    if (!previous || lacking.length === 0) return true;
    const held = new Map(previous.manifest.shards.map(({ hash }, number) => [hash, previous.shards[number]]));
    const loaded = await Promise.all(
      lacking.map(async (number) => {
        const name = next.manifest.shards[number]!; // a number of the manifest's
        const shard = held.get(name.hash) ?? (await load(stores, name));
        if (shard) next.shards[number] = shard;
        return shard !== undefined;
      }),
    );
    if (loaded.includes(false)) return false;
  }
}

/**
 * Makes a shard resident for a request that cannot be matched without it; false if that cannot be done in time. One request loads and
 * the others watch, each by its own timer: one that waited for another's promise would hang if that one were cancelled.
 */
export async function fetchShard(isolate: Isolate, stores: Stores, active: Active, number: number): Promise<boolean> {
  const { routes, pointer } = active;
  const name = routes.manifest.shards[number]!; // a number of the manifest's
  for (const giveUp = Date.now() + WAIT_MS; Date.now() < giveUp; await pause(POLL_MS)) {
    if (routes.shards[number]) return true;
    if ((isolate.loading.get(name.hash) ?? 0) > Date.now()) continue;
    isolate.loading.set(name.hash, Date.now() + STORE_MS);
    try {
      const shard = await load(stores, name);
      if (!shard) return false;
      settle(routes, number, shard, RESIDENT_BYTES);
      if (isolate.refused?.hash === pointer.hash) isolate.refused = undefined;
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.warn(`shard ${name.hash} of epoch ${pointer.epoch} refused: ${reason}`);
      isolate.refused = { ...pointer, reason };
      return false;
    } finally {
      isolate.loading.delete(name.hash);
    }
  }
  return false;
}

/** How many shards one look fetches that nobody has asked for: a mesh has up to 256, and a look is to end. */
const AHEAD = 32;

/**
 * Sees to it, beside requests, that the Cache API has the shards of hosts that nobody has asked for yet: the first who asks may
 * do so while KV is away.
 */
export async function keepAhead({ kept, active }: Isolate, stores: Stores): Promise<void> {
  const names = active ? active.routes.manifest.shards.filter((_, number) => mayServe(active.routes, number)) : [];
  const current = new Set(names.map(({ hash }) => hash));
  for (const hash of kept) if (!current.has(hash)) kept.delete(hash);
  for (const name of names.filter(({ hash }) => !kept.has(hash)).slice(0, AHEAD))
    if (await bytesOf(stores, name).catch(() => undefined)) kept.add(name.hash);
}

async function load(stores: Stores, name: ShardName): Promise<Shard | undefined> {
  const bytes = await bytesOf(stores, name);
  return bytes && adopt(bytes);
}

/**
 * A shard's bytes from wherever they are to be had: their hash says whether they are the right ones. Undefined where nobody has them;
 * throws an Error if what KV has is something else.
 */
async function bytesOf(stores: Stores, { hash, bytes }: ShardName): Promise<Uint8Array | undefined> {
  if (bytes > MAX_SHARD_BYTES) throw new Error(`a shard of ${bytes} bytes, larger than ${MAX_SHARD_BYTES}`);
  const isIt = async (found: Uint8Array | undefined): Promise<boolean> =>
    found?.byteLength === bytes && (await sha256(found)) === hash;
  for (const source of [async () => bundledShard(hash), () => cachedShard(stores, hash)]) {
    const found = await source();
    if (await isIt(found)) return found;
  }
  const found = await kvShard(stores, hash);
  if (!found) return undefined;
  if (!(await isIt(found))) throw new Error(`the bytes of shard ${hash} do not have its hash`);
  await keepShard(stores, hash, found);
  return found;
}

const pause = (ms: number): Promise<void> => scheduler.wait(ms);
