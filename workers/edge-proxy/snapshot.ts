/**
 * The snapshot in force, and how a newer one replaces it. Loading happens beside requests, never in them, but for an isolate
 * that has none yet or has slept. The newest of what the fleet object and KV name, the Cache API kept and the deploy brought along,
 * in this order where they are the same. Each is used only if its bytes have the hash that the pointer names, and control has signed
 * the pointer where the edge has keys to tell; one that does not load is refused and reported, and the one in force stays. What requests are served from becomes resident before the swap.
 */
import type { Pointer, SignedPointer, SnapshotSource } from "../../mesh/api.ts";
import { busiest, isMeant } from "../../mesh/limits.ts";
import { readManifest } from "../../mesh/manifest.ts";
import { matcher } from "../../mesh/match.ts";
import { forgetWaits } from "../../mesh/policies/rate-limit.ts";
import type { Active, Isolate } from "./isolate.ts";
import { proxy } from "./proxy.ts";
import { warm } from "./shards.ts";
import { verifyPointer } from "./signature.ts";
import { broughtAlong, keep, kvManifest, kvPointer, lastGood, sha256, STORE_MS, type Stores } from "./stores.ts";
import { within } from "./within.ts";

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

/** The fleet object may be away: a first request waits no longer for it than one after an idle time, in milliseconds. */
const HEAR_MS = 250;

/**
 * An isolate's first snapshot. The fleet object is asked as well: KV may be behind, or have been made to name an old one, which is signed
 * like any other.
 */
export async function coldStart(isolate: Isolate, stores: Stores): Promise<void> {
  const [heard, named, kept] = await Promise.all([
    within(checkIn(isolate, stores), HEAR_MS).catch(() => undefined),
    kvPointer(stores),
    lastGood(stores),
  ]);
  const bundled = broughtAlong();
  const found = [
    ...[heard, named].map((pointer) => ({
      epoch: pointer?.epoch,
      start: () => pointer && load(isolate, stores, pointer),
    })),
    { epoch: kept?.epoch, start: () => kept && activate(isolate, stores, kept, kept.manifest, "cache") },
    { epoch: bundled?.epoch, start: () => bundled && activate(isolate, stores, bundled, bundled.bytes(), "bundle") },
  ];
  for (const { start } of found.toSorted((a, b) => (b.epoch ?? 0) - (a.epoch ?? 0))) if (await start()) return;
}

/** One that was refused is tried again at each look: what was wrong may have been KV's copy, which control mends. */
function isWorthLoading({ active }: Isolate, { epoch, hash }: Pointer): boolean {
  if (hash === "") return false;
  if (!active || epoch > active.pointer.epoch) return true;
  // Living on what was kept: once KV has the same snapshot again, say so.
  return active.source !== "kv" && epoch === active.pointer.epoch;
}

async function load(isolate: Isolate, stores: Stores, pointer: SignedPointer): Promise<boolean> {
  const manifest = await kvManifest(stores, pointer.hash);
  // Not there yet is not wrong: KV shows a new key late in some places. The next look tries again.
  if (!manifest || !(await activate(isolate, stores, pointer, manifest, "kv"))) return false;
  await keep(stores, pointer, manifest);
  return true;
}

/** Verifies and puts in force, or refuses and remembers why. The swap is one assignment: no request sees half of it. */
async function activate(
  isolate: Isolate,
  stores: Stores,
  named: SignedPointer,
  manifest: Uint8Array,
  source: SnapshotSource,
): Promise<boolean> {
  const { epoch, hash } = named;
  try {
    await verifyPointer(stores.snapshotKeys, named);
    if ((await sha256(manifest)) !== hash) throw new Error("its bytes do not have its hash");
    const pointer = { epoch, hash };
    const routes = matcher(readManifest(manifest), stores.gateway, stores.grain);
    // A shard that is not there yet comes to be there, as a manifest does.
    if (!(await warm(isolate, stores, routes))) return false;
    // Another request of this isolate may have been quicker, with a newer one.
    if ((isolate.active?.pointer.epoch ?? -1) <= epoch)
      isolate.active = { pointer, source, routes, run: proxy(routes, pointer) } satisfies Active;
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
  { fleet, name, colo, scope, snapshotKeys }: Stores,
): Promise<SignedPointer | undefined> {
  try {
    const pointer = active?.pointer ?? { epoch: 0, hash: "" };
    const source: SnapshotSource = active?.source ?? "none";
    const limits = busiest(memory.holders, Date.now());
    const about = {
      verifies: Boolean(snapshotKeys),
      ...(scope !== "" && { scope }),
      ...(refused && { nack: refused }),
      ...(limits.length > 0 && { limits }),
    };
    const reply = await within(fleet().checkIn({ id, name, colo, ...pointer, source, ...about }), STORE_MS);
    const now = Date.now();
    for (const { at, name: meant } of reply.resets ?? []) {
      if (at > memory.resetAt) forgetWaits(memory.holders, (bucket) => isMeant(bucket, meant));
      memory.resetAt = Math.max(memory.resetAt, at);
    }
    memory.forced = new Map((reply.holds ?? []).map(({ circuit, to, forMs }) => [circuit, { to, until: now + forMs }]));
    const { epoch, hash, signature } = reply;
    return epoch > 0 ? { epoch, hash, ...(signature !== undefined && { signature }) } : undefined;
  } catch {
    // The fleet object is a short cut; KV's pointer says the same, later.
    return undefined;
  }
}

const latest = (a: SignedPointer | undefined, b: SignedPointer | undefined): SignedPointer | undefined =>
  a && b ? (a.epoch >= b.epoch ? a : b) : (a ?? b);
