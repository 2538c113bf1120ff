/**
 * The snapshot in force, and how a newer one replaces it. Loading happens beside requests, never in them, but for an isolate
 * that has none yet or has slept. Order of trust: KV by the newest pointer, what the Cache API kept, what the deploy
 * brought along. Each is used only if its bytes have the hash that the pointer names; one that does not load is
 * refused and reported, and the one in force stays.
 */
import { hexOf } from "../../mesh/hex.ts";
import type { EdgeReport, Hold, Pointer, SnapshotSource } from "../../mesh/api.ts";
import { decode } from "../../mesh/snapshot-text.ts";
import { MAX_SNAPSHOT_BYTES, POINTER_KEY, snapshotKey } from "../../mesh/snapshot.ts";
import type { Active, Isolate } from "./isolate.ts";
import bundled from "./last-good.json" with { type: "json" };
import { proxy } from "./proxy.ts";
import { within } from "./within.ts";

export type Stores = {
  readonly kv: KVNamespace;
  /** A fresh stub a call. */
  readonly fleet: () => { checkIn(report: EdgeReport): Promise<Pointer & { readonly holds?: readonly Hold[] }> };
  readonly cache: Cache;
  /** What this deployment calls itself, and the data centre it runs in. */
  readonly name: string;
  readonly colo: string;
  /** `namespace/name` of the Gateway that this deployment stands for; empty for all. */
  readonly gateway: string;
};

/** KV's shortest; the fleet object's replies carry news sooner. */
const POINTER_TTL_S = 30;
/** Blobs never change: their name is their hash. */
const BLOB_TTL_S = 86_400;
/** No store may hold up a look for longer. */
const STORE_MS = 2000;
const LAST_GOOD = "https://last-good.selvedge.internal/snapshot";

/** Looks for a newer snapshot, puts it in force, and tells the fleet object what is in force now. */
export async function look(isolate: Isolate, stores: Stores): Promise<void> {
  const newest = latest(await checkIn(isolate, stores), isolate.active ? undefined : await kvPointer(stores));
  const pointer = newest ?? (await kvPointer(stores));
  if (!pointer || !isWorthLoading(isolate, pointer)) return;
  const before = isolate.active;
  await load(isolate, stores, pointer);
  // Acknowledged, or refused with the reason, without waiting for the next look: `apply --wait` waits for this.
  if (isolate.active !== before || isolate.refused?.hash === pointer.hash) await checkIn(isolate, stores);
}

/** An isolate's first snapshot: the newest of what KV and the cache have, or else what the deploy brought along. */
export async function coldStart(isolate: Isolate, stores: Stores): Promise<void> {
  const [pointer, kept] = await Promise.all([kvPointer(stores), lastGood(stores)]);
  if (pointer && pointer.epoch >= (kept?.epoch ?? 0) && (await load(isolate, stores, pointer))) return;
  if (kept && (await activate(isolate, stores, kept, kept.text, "cache"))) return;
  if (bundled.epoch > 0) await activate(isolate, stores, bundled, bundled.text, "bundle");
}

/** One that was refused is tried again at each look: what was wrong may have been KV's copy, which control mends. */
function isWorthLoading({ active }: Isolate, { epoch, hash }: Pointer): boolean {
  if (hash === "") return false;
  if (!active || epoch > active.pointer.epoch) return true;
  // Living on what was kept: once KV has the same snapshot again, say so.
  return active.source !== "kv" && epoch === active.pointer.epoch;
}

async function load(isolate: Isolate, stores: Stores, pointer: Pointer): Promise<boolean> {
  let bytes: ArrayBuffer | null;
  try {
    bytes = await within(
      stores.kv.get(snapshotKey(pointer.hash), { type: "arrayBuffer", cacheTtl: BLOB_TTL_S }),
      STORE_MS,
    );
  } catch (error) {
    console.warn(`snapshot ${pointer.hash} cannot be read: ${String(error)}`);
    return false;
  }
  // Not there yet is not wrong: KV shows a new key late in some places. The next look tries again.
  if (!bytes) return false;
  const text = new TextDecoder().decode(bytes);
  if (!(await activate(isolate, stores, pointer, text, "kv"))) return false;
  await keep(stores, pointer, text);
  return true;
}

/** Verifies and puts in force, or refuses and remembers why. The swap is one assignment: no request sees half of it. */
async function activate(
  isolate: Isolate,
  { gateway }: Stores,
  { epoch, hash }: Pointer,
  text: string,
  source: SnapshotSource,
): Promise<boolean> {
  try {
    if (text.length > MAX_SNAPSHOT_BYTES) throw new Error(`larger than ${MAX_SNAPSHOT_BYTES} bytes`);
    if ((await sha256(text)) !== hash) throw new Error("its bytes do not have its hash");
    const pointer = { epoch, hash };
    const run = proxy(decode(text), pointer, gateway);
    // Another request of this isolate may have been quicker, with a newer one.
    if ((isolate.active?.pointer.epoch ?? -1) <= epoch) isolate.active = { pointer, source, run } satisfies Active;
    if (isolate.refused && isolate.refused.epoch <= epoch) isolate.refused = undefined;
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.warn(`snapshot ${hash} of epoch ${epoch} from ${source} refused: ${reason}`);
    if (source === "kv") isolate.refused = { epoch, hash, reason };
    return false;
  }
}

async function checkIn(
  { id, active, refused, memory }: Isolate,
  { fleet, name, colo }: Stores,
): Promise<Pointer | undefined> {
  try {
    const pointer = active?.pointer ?? { epoch: 0, hash: "" };
    const source: SnapshotSource = active?.source ?? "none";
    const report = { id, name, colo, ...pointer, source, ...(refused && { nack: refused }) };
    const reply = await within(fleet().checkIn(report), STORE_MS);
    const now = Date.now();
    memory.forced = new Map((reply.holds ?? []).map(({ circuit, to, forMs }) => [circuit, { to, until: now + forMs }]));
    return reply.epoch > 0 ? { epoch: reply.epoch, hash: reply.hash } : undefined;
  } catch {
    // The fleet object is a short cut; KV's pointer says the same, later.
    return undefined;
  }
}

async function kvPointer({ kv }: Stores): Promise<Pointer | undefined> {
  try {
    const value: unknown = await within(kv.get(POINTER_KEY, { type: "json", cacheTtl: POINTER_TTL_S }), STORE_MS);
    const { epoch, hash } = (value ?? {}) as Partial<Pointer>;
    return typeof epoch === "number" && typeof hash === "string" ? { epoch, hash } : undefined;
  } catch {
    return undefined;
  }
}

const latest = (a: Pointer | undefined, b: Pointer | undefined): Pointer | undefined =>
  a && b ? (a.epoch >= b.epoch ? a : b) : (a ?? b);

type Kept = Pointer & { readonly text: string };

async function lastGood({ cache }: Stores): Promise<Kept | undefined> {
  try {
    const response = await within(cache.match(LAST_GOOD), STORE_MS);
    return response ? await response.json<Kept>() : undefined;
  } catch {
    return undefined;
  }
}

async function keep({ cache }: Stores, { epoch, hash }: Pointer, text: string): Promise<void> {
  try {
    const headers = { "content-type": "application/json", "cache-control": "max-age=31536000" };
    await cache.put(LAST_GOOD, new Response(JSON.stringify({ epoch, hash, text } satisfies Kept), { headers }));
  } catch {
    // No Cache API on workers.dev: the isolate and the bundle still hold one.
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return hexOf(new Uint8Array(digest));
}
