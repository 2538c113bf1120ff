/**
 * A snapshot as KV holds it: a manifest, and shards of some hundreds of routes, each under the hash of its bytes. One host is in one
 * shard with all its routes, so that a changed route changes one shard, and an edge loads what it serves and no more.
 */
import { areSame } from "./kept.ts";
import { hashOfHost, hashOfService, shardOf, writeManifest } from "./manifest.ts";
import { inOrder } from "./normal.ts";
import { listenerScope, serviceScope } from "./scope.ts";
import { ShardWriter } from "./shard/write.ts";
import type { RouteTable, Snapshot } from "./snapshot.ts";

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
  /** Whose it is: of the service, or of the Gateways that have the host. */
  readonly namespaces: readonly string[];
};

/** With the shards that are left as they were: of what comes after a snapshot, most are. */
export type Encoded = Published & { readonly parts: readonly (Part & { readonly hash: string })[] };

/** A shard, and what it is made of: the scope, name and table of each place. */
type Part = {
  readonly of: readonly unknown[];
  readonly bytes: Uint8Array;
  /** Of policies that its rules have. */
  readonly kinds: ReadonlySet<string>;
};

/** `before` is a snapshot that was compiled earlier: where the tables are the same objects still, so are the bytes. */
export async function encode(snapshot: Snapshot, sha256: Sha256, before?: Encoded): Promise<Encoded> {
  const cut = cutUp(snapshot, before?.parts);
  const hashes = new Map(before?.parts.map(({ bytes, hash }) => [bytes, hash]));
  const parts = await Promise.all(
    cut.parts.map(async (part) => ({ ...part, hash: hashes.get(part.bytes) ?? (await sha256(part.bytes)) })),
  );
  return {
    manifest: cut.manifest(parts.map(({ hash }) => hash)),
    shards: new Map(parts.map(({ hash, bytes }) => [hash, bytes])),
    parts,
  };
}

/** The shards, and the manifest as soon as someone has hashed them, in their order. */
export function cutUp(
  snapshot: Snapshot,
  before: readonly Part[] = [],
): {
  readonly parts: readonly Part[];
  readonly shards: readonly Uint8Array[];
  readonly manifest: (hashes: readonly string[]) => Uint8Array;
} {
  const places = placesOf(snapshot);
  const count = shardCount(places);
  const placesIn: Place[][] = Array.from({ length: count }, () => []);
  for (const place of places) placesIn[shardOf(place.hash, count)]!.push(place);
  const parts = placesIn.map((own, number): Part => {
    const of = own.flatMap(({ scope, name, table }) => [scope, name, table]);
    const known = before[number];
    return known && areSame(known.of, of) ? known : { of, ...written(snapshot, own) };
  });
  const shards = parts.map(({ bytes }) => bytes);
  const manifest = (hashes: readonly string[]): Uint8Array =>
    writeManifest({
      listeners: snapshot.listeners.map(({ gateways, port, hostname, paths }) => ({
        gateways,
        port,
        hostname,
        ...(paths && { paths }),
      })),
      shards: shards.map(({ byteLength }, number) => ({ hash: hashes[number]!, bytes: byteLength })),
      kinds: [...new Set(parts.flatMap(({ kinds }) => [...kinds]))].sort(),
      namespaces: whereNamespacesStand(placesIn),
      ...(snapshot.direct && { direct: snapshot.direct }),
      ...(snapshot.identity && { identity: snapshot.identity }),
      names: new Set(places.map(({ hash }) => hash)),
    });
  return { parts, shards, manifest };
}

function written(snapshot: Snapshot, places: readonly Place[]): Pick<Part, "bytes" | "kinds"> {
  const writer = new ShardWriter(snapshot);
  for (const { scope, name, hash, table } of places) writer.add(scope, name, hash, table);
  return { bytes: writer.finish(), kinds: writer.kinds };
}

function whereNamespacesStand(placesIn: readonly (readonly Place[])[]): Record<string, readonly number[]> {
  const found = new Map<string, number[]>();
  placesIn.forEach((places, number) => {
    for (const { namespaces } of places)
      for (const namespace of namespaces) {
        const numbers = found.get(namespace) ?? [];
        if (numbers.at(-1) !== number) numbers.push(number);
        found.set(namespace, numbers);
      }
  });
  return Object.fromEntries(found);
}

function placesOf({ listeners, services }: Snapshot): Place[] {
  const places: Place[] = [];
  for (const listener of listeners) {
    const scope = listenerScope(listener);
    const namespaces = [...new Set(listener.gateways.map((gateway) => gateway.slice(0, gateway.indexOf("/"))))];
    for (const [name, table] of inOrder(listener.hosts))
      places.push({ scope, name, hash: hashOfHost(name), table, namespaces });
  }
  for (const [name, ports] of inOrder(services)) {
    const hash = hashOfService(name);
    const namespaces = [name.slice(name.indexOf(".") + 1)];
    ports.forEach(({ port, table, consumers = {} }, index) => {
      for (const named of index === 0 ? [undefined, port] : [port]) {
        places.push({ scope: serviceScope(named), name, hash, table, namespaces });
        for (const [consumer, own] of inOrder(consumers))
          places.push({ scope: serviceScope(named, consumer), name, hash, table: own, namespaces });
      }
    });
  }
  return places;
}

function shardCount(places: readonly Place[]): number {
  let candidates = 0;
  for (const { table } of places) candidates += candidatesOf(table);
  if (places.length === 0) return 0;
  return Math.min(MAX_SHARDS, 2 ** Math.max(0, Math.floor(Math.log2(candidates / SHARD_CANDIDATES))));
}

/** Of tables that stay, a snapshot after another. */
const counts = new WeakMap<RouteTable, number>();

function candidatesOf(table: RouteTable): number {
  const known = counts.get(table);
  if (known !== undefined) return known;
  let count = 0;
  for (const paths of [table.exact, table.regex ?? {}, table.prefix])
    for (const list of Object.values(paths)) count += list.length;
  counts.set(table, count);
  return count;
}
