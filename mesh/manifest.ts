/**
 * What there is, without the routes themselves: listeners, the names under which hosts and services have routes, and the shards
 * where those are. A snapshot is named by its manifest's SHA-256; the manifest names the shards by theirs.
 *
 *     words   MAGIC, format, number of slots, bytes of the text, then the slots: hashes of names; 0 is free
 *     text    JSON of `Contents`
 */
import { canonicalJson, isRecord } from "./canonical.ts";
import { check, isPort, isPositive, isTexts } from "./check.ts";
import { isMeshIdentity, type MeshIdentity } from "./identity.ts";
import { isPolicyKind } from "./policy-check.ts";
import { fill, hashText, slotsFor, spread } from "./shard/hash.ts";
import { textBytes, textFrom } from "./shard/text.ts";
import { type Listener, SNAPSHOT_FORMAT } from "./snapshot.ts";

export type ManifestListener = Omit<Listener, "hosts">;
export type ShardName = { /** SHA-256, in hex. */ readonly hash: string; readonly bytes: number };

type Contents = {
  readonly listeners: readonly ManifestListener[];
  /** A power of two, or none where nothing has a route. */
  readonly shards: readonly ShardName[];
  /** The kinds of policies that rules have, in order. */
  readonly kinds: readonly string[];
  /** In which shards the services and the Gateways' hosts of each namespace stand, by number and in order. */
  readonly namespaces?: Readonly<Record<string, readonly number[]>>;
  /** As the snapshot has them. */
  readonly direct?: readonly string[];
  /** Absent while the mesh has no workload. */
  readonly identity?: MeshIdentity;
};
export type Manifest = Contents & { readonly names: Uint32Array };

/** "SLVM" */
const MAGIC = 0x4d564c53;
const HEAD_WORDS = 4;
const NAME = 0;

/** Hosts and services are told apart by what hashing them begins with. */
const HOSTS = hashText("host");
const SERVICES = hashText("service");
export const hashOfHost = (name: string): number => hashText(name, HOSTS) || 1;
export const hashOfService = (name: string): number => hashText(name, SERVICES) || 1;

/** In which of `count` shards everything stands that is known under a name. */
export const shardOf = (name: number, count: number): number => spread(name, name) & (count - 1);

/** False only if no host or service of that name has a route; true may be by chance, of one in millions. */
export function hasName({ names }: Manifest, name: number): boolean {
  const mask = names.length - 1;
  for (let at = spread(NAME, name) & mask; ; at = (at + 1) & mask) {
    if (names[at] === name) return true;
    if (names[at] === 0) return false;
  }
}

export function writeManifest({ names, ...contents }: Contents & { readonly names: ReadonlySet<number> }): Uint8Array {
  const slots = slotsFor(names.size);
  for (const name of [...names].sort((a, b) => a - b)) fill(slots, spread(NAME, name), name);
  const text = textBytes(canonicalJson(contents));
  const bytes = new Uint8Array((HEAD_WORDS + slots.length) * 4 + text.length);
  const words = new Uint32Array(bytes.buffer, 0, HEAD_WORDS + slots.length);
  words.set([MAGIC, SNAPSHOT_FORMAT, slots.length, text.length]);
  words.set(slots, HEAD_WORDS);
  bytes.set(text, words.byteLength);
  return bytes;
}

/** Throws an Error that says what is wrong: the edge then refuses the whole and keeps the one it has. */
export function readManifest(bytes: Uint8Array): Manifest {
  check(bytes.byteOffset % 4 === 0 && bytes.byteLength >= HEAD_WORDS * 4, "a manifest's head");
  const [magic, format, slots, length] = new Uint32Array(bytes.buffer, bytes.byteOffset, HEAD_WORDS);
  check(magic === MAGIC, "a manifest's first word");
  if (format !== SNAPSHOT_FORMAT) throw new Error(`format ${format}, this edge reads ${SNAPSHOT_FORMAT}`);
  const end = (HEAD_WORDS + slots!) * 4;
  check(end + length! === bytes.byteLength, "a manifest's length");
  const names = new Uint32Array(bytes.buffer, bytes.byteOffset + HEAD_WORDS * 4, slots!);
  check((names.length & (names.length - 1)) === 0 && names.includes(0), "a manifest's names");
  const contents: unknown = JSON.parse(textFrom(bytes.subarray(end)));
  check(isRecord(contents), "a manifest's contents");
  const { listeners, shards, kinds, namespaces, direct, identity } = contents;
  check(Array.isArray(listeners) && listeners.every(isListener), "a listener");
  check(Array.isArray(shards) && shards.every(isShardName), "a shard's name");
  check((shards.length & (shards.length - 1)) === 0, "the number of shards");
  check(shards.length > 0 || names.every((name) => name === 0), "a name without a shard");
  // A layer that this edge does not know would be a policy that does not hold.
  check(Array.isArray(kinds) && kinds.every(isPolicyKind), "a layer's kind");
  check(namespaces === undefined || isNamespaces(namespaces), "where a namespace stands");
  check(direct === undefined || isTexts(direct), "the services that may be called directly");
  check(identity === undefined || isMeshIdentity(identity), "the mesh's identity");
  return {
    listeners,
    shards,
    kinds,
    names,
    ...(namespaces && { namespaces }),
    ...(direct && { direct }),
    ...(identity && { identity }),
  };
}

const isListener = (value: unknown): value is ManifestListener =>
  isRecord(value) &&
  isPort(value.port) &&
  typeof value.hostname === "string" &&
  isTexts(value.gateways) &&
  [undefined, "resolve", "keep"].includes(value.paths as string);

const isNamespaces = (value: unknown): value is NonNullable<Contents["namespaces"]> =>
  isRecord(value) && Object.values(value).every((own) => Array.isArray(own) && own.every(Number.isInteger));

const isShardName = (value: unknown): value is ShardName =>
  isRecord(value) && typeof value.hash === "string" && /^[0-9a-f]{64}$/.test(value.hash) && isPositive(value.bytes);
