/**
 * A snapshot as KV holds it: a manifest, and shards of some hundreds of routes, each under the hash of its bytes. One host is in one
 * shard with all its routes, so that a changed route changes one shard, and an edge loads what it serves and no more.
 */
import { hashOfHost, hashOfService, shardOf, writeManifest } from "./manifest.ts";
import { inOrder } from "./normal.ts";
import { listenerScope, serviceScope } from "./scope.ts";
import { ShardWriter } from "./shard/write.ts";
import type { Policy, RouteTable, Snapshot } from "./snapshot.ts";

export type Published = {
  readonly manifest: Uint8Array;
  /** By hash. */
  readonly shards: ReadonlyMap<string, Uint8Array>;
};

/** SHA-256 of the bytes, in hex: the runtime's. */
export type Sha256 = (bytes: Uint8Array) => Promise<string>;

/** How many candidates a shard has at the least, on average: some 50 KB. Fewer would be more to keep, more would be more to send for one change. */
const SHARD_CANDIDATES = 500;
/** An apply writes each in a request that has a thousand operations of KV to spend. */
const MAX_SHARDS = 256;

type Place = {
  readonly scope: string;
  readonly name: string;
  readonly hash: number;
  readonly table: RouteTable;
};

export async function encode(snapshot: Snapshot, sha256: Sha256): Promise<Published> {
  const { shards, manifest } = cutUp(snapshot);
  const hashes = await Promise.all(shards.map(sha256));
  return { manifest: manifest(hashes), shards: new Map(hashes.map((hash, number) => [hash, shards[number]!])) };
}

/** The shards, and the manifest as soon as someone has hashed them, in their order. */
export function cutUp(snapshot: Snapshot): {
  readonly shards: readonly Uint8Array[];
  readonly manifest: (hashes: readonly string[]) => Uint8Array;
} {
  const places = placesOf(snapshot);
  const count = shardCount(places);
  const writers = Array.from({ length: count }, () => new ShardWriter(snapshot));
  for (const { scope, name, hash, table } of places) writers[shardOf(hash, count)]!.add(scope, name, hash, table);
  const shards = writers.map((writer) => writer.finish());
  const manifest = (hashes: readonly string[]): Uint8Array =>
    writeManifest({
      listeners: snapshot.listeners.map(({ gateways, port, hostname, paths }) => ({
        gateways,
        port,
        hostname,
        ...(paths && { paths }),
      })),
      shards: shards.map(({ byteLength }, number) => ({ hash: hashes[number]!, bytes: byteLength })),
      kinds: kindsOf(snapshot),
      ...(snapshot.identity && { identity: snapshot.identity }),
      names: new Set(places.map(({ hash }) => hash)),
    });
  return { shards, manifest };
}

function placesOf({ listeners, services }: Snapshot): Place[] {
  const places: Place[] = [];
  for (const listener of listeners) {
    const scope = listenerScope(listener);
    for (const [name, table] of inOrder(listener.hosts)) places.push({ scope, name, hash: hashOfHost(name), table });
  }
  for (const [name, ports] of inOrder(services)) {
    const hash = hashOfService(name);
    ports.forEach(({ port, table, consumers = {} }, index) => {
      for (const named of index === 0 ? [undefined, port] : [port]) {
        places.push({ scope: serviceScope(named), name, hash, table });
        for (const [consumer, own] of inOrder(consumers))
          places.push({ scope: serviceScope(named, consumer), name, hash, table: own });
      }
    });
  }
  return places;
}

function shardCount(places: readonly Place[]): number {
  let candidates = 0;
  for (const { table } of places)
    for (const paths of [table.exact, table.regex ?? {}, table.prefix])
      for (const list of Object.values(paths)) candidates += list.length;
  if (places.length === 0) return 0;
  return Math.min(MAX_SHARDS, 2 ** Math.max(0, Math.floor(Math.log2(candidates / SHARD_CANDIDATES))));
}

function kindsOf({ rules }: Snapshot): string[] {
  const kinds = new Set<string>();
  const add = (layers: readonly Policy[]) => layers.forEach(({ kind }) => kinds.add(kind));
  for (const { layers, backends } of rules) {
    add(layers);
    for (const share of backends) add(share.layers);
  }
  return [...kinds].sort();
}
