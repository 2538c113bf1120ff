/** Where an edge finds snapshots: KV, what the Cache API kept of it, and what the deploy brought along. Nothing here is believed yet. */
import type { CheckInReply, EdgeReport, SignedPointer } from "../../mesh/api.ts";
import type { Grain } from "../../mesh/grain.ts";
import { hexOf } from "../../mesh/hex.ts";
import { parsePointer } from "../../mesh/pointer.ts";
import { POINTER_KEY, shardKey, snapshotKey } from "../../mesh/snapshot.ts";
import bundled from "./last-good.json" with { type: "json" };
import { within } from "./within.ts";

export type Stores = {
  readonly kv: KVNamespace;
  /** A fresh stub a call. */
  readonly fleet: () => { checkIn(report: EdgeReport): Promise<CheckInReply> };
  readonly cache: Cache;
  /** What this deployment calls itself, and the data centre it runs in. */
  readonly name: string;
  readonly colo: string;
  /** `namespace/name` of the Gateway that this deployment stands for; empty for all. */
  readonly gateway: string;
  /** What it serves, and as its var SCOPE says it; empty for everything. */
  readonly grain: Grain;
  readonly scope: string;
  /** A JWK Set as text: who may say which snapshot is in force. Empty for anyone. */
  readonly snapshotKeys: string;
};

/** KV's shortest; the fleet object's replies carry news sooner. */
const POINTER_TTL_S = 30;
/** What is missing is remembered as missing for as long as the reader says, and a new blob is late in some places. */
const MISSING_TTL_S = 30;
/** Blobs never change: their name is their hash. */
const BLOB_TTL_S = 86_400;
/** No store may hold up a look for longer. */
export const STORE_MS = 2000;

const CACHED = "https://last-good.selvedge.internal/";
const EPOCH = "selvedge-epoch";
const HASH = "selvedge-hash";
const SIGNATURE = "selvedge-signature";
const FOR_EVER = { "cache-control": "max-age=31536000" };

export type Kept = SignedPointer & { readonly manifest: Uint8Array };

export async function kvPointer({ kv }: Stores): Promise<SignedPointer | undefined> {
  try {
    return parsePointer(await within(kv.get(POINTER_KEY, { type: "text", cacheTtl: POINTER_TTL_S }), STORE_MS));
  } catch {
    return undefined;
  }
}

export const kvManifest = ({ kv }: Stores, hash: string): Promise<Uint8Array | undefined> =>
  blob(kv, snapshotKey(hash));
export const kvShard = ({ kv }: Stores, hash: string): Promise<Uint8Array | undefined> => blob(kv, shardKey(hash));

async function blob(kv: KVNamespace, key: string): Promise<Uint8Array | undefined> {
  try {
    const read = (cacheTtl: number) => within(kv.get(key, { type: "arrayBuffer", cacheTtl }), STORE_MS);
    const bytes = (await read(BLOB_TTL_S)) ?? (await read(MISSING_TTL_S));
    return bytes ? new Uint8Array(bytes) : undefined;
  } catch (error) {
    console.warn(`${key} cannot be read: ${String(error)}`);
    return undefined;
  }
}

/** What was in force here last. */
export async function lastGood(stores: Stores): Promise<Kept | undefined> {
  const kept = await cached(stores, "snapshot");
  if (!kept) return undefined;
  const { headers, bytes } = kept;
  return {
    epoch: Number(headers.get(EPOCH)),
    hash: headers.get(HASH) ?? "",
    manifest: bytes,
    ...signatureIn(headers.get(SIGNATURE)),
  };
}

const signatureIn = (signature: string | null | undefined) => (signature ? { signature } : {});

export const cachedShard = async (stores: Stores, hash: string): Promise<Uint8Array | undefined> =>
  (await cached(stores, `shard/${hash}`))?.bytes;

async function cached({ cache }: Stores, name: string) {
  try {
    const response = await within(cache.match(CACHED + name), STORE_MS);
    if (!response) return undefined;
    return { headers: response.headers, bytes: new Uint8Array(await within(response.arrayBuffer(), STORE_MS)) };
  } catch {
    return undefined;
  }
}

export const keep = (stores: Stores, { epoch, hash, signature }: SignedPointer, manifest: Uint8Array): Promise<void> =>
  put(stores, "snapshot", manifest, {
    [EPOCH]: String(epoch),
    [HASH]: hash,
    ...(signature !== undefined && { [SIGNATURE]: signature }),
  });

export const keepShard = (stores: Stores, hash: string, bytes: Uint8Array): Promise<void> =>
  put(stores, `shard/${hash}`, bytes, {});

async function put(
  { cache }: Stores,
  name: string,
  bytes: Uint8Array,
  about: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    await cache.put(
      CACHED + name,
      new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { ...FOR_EVER, ...about } }),
    );
  } catch {
    // No Cache API on workers.dev: the isolate and the bundle still hold one.
  }
}

/** `npm run deploy` writes the file; epoch 0 is none. */
const BUNDLED: SignedPointer & { readonly manifest: string; readonly shards: Readonly<Record<string, string>> } =
  bundled;

/** Decoded only when it is needed. */
export function broughtAlong(): (SignedPointer & { readonly bytes: () => Uint8Array }) | undefined {
  const { epoch, hash, signature, manifest } = BUNDLED;
  return epoch > 0 ? { epoch, hash, bytes: () => fromBase64(manifest), ...signatureIn(signature) } : undefined;
}

export function bundledShard(hash: string): Uint8Array | undefined {
  const base64 = Object.hasOwn(BUNDLED.shards, hash) ? BUNDLED.shards[hash] : undefined;
  return base64 === undefined ? undefined : fromBase64(base64);
}

const fromBase64 = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));

/** In hex. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));
}
