/**
 * Request -> rule, by Gateway API's precedence: the most specific listener, then the most specific hostname, and there what
 * shard/match.ts says of the path. A host that has no rule for the request falls through to the next less specific one. Cost
 * grows with the labels of the host and the depth of the path, not with the number of routes.
 */
import type { Address } from "./address.ts";
import type { AmbiguousPaths } from "./canonical-path.ts";
import { EVERYTHING, type Grain, servesGateway, servesService } from "./grain.ts";
import { hashOfHost, hashOfService, hasName, type Manifest, type ManifestListener, shardOf } from "./manifest.ts";
import { listenerScope, serviceScope } from "./scope.ts";
import { type Match, matchTable, type Subject } from "./shard/match.ts";
import { type Shard, tableAt } from "./shard/read.ts";

export type { Match, Subject };

/**
 * A snapshot as an edge holds it: its manifest, and the shards that are resident. Shards come and go; what they say under one
 * manifest never changes.
 */
export type Matcher = {
  readonly manifest: Manifest;
  /** By port, then by hostname: under which scope the listener's tables stand. */
  readonly listeners: ReadonlyMap<number, ReadonlyMap<string, string>>;
  /** What becomes of ambiguous paths, by port and listener's hostname; refused where nothing stands. */
  readonly paths: ReadonlyMap<string, AmbiguousPaths>;
  /** By their numbers in the manifest; undefined while not resident. */
  readonly shards: (Shard | undefined)[];
  /** Which use of all was the last of each shard, and how many uses there were. */
  readonly usedAt: Float64Array;
  uses: number;
  /** What this edge serves. */
  readonly grain: Grain;
};

/** The shard that has to be there before it can be said which rule takes the request. */
export type Missing = { readonly missing: number };

/** `gateway` (`namespace/name`) is the only one whose listeners count; empty text takes those of all that `grain` serves. */
export function matcher(manifest: Manifest, gateway = "", grain = EVERYTHING): Matcher {
  const listeners = new Map<number, Map<string, string>>();
  const paths = new Map<string, AmbiguousPaths>();
  for (const listener of listenersOf(manifest, gateway, grain)) {
    const hostnames = listeners.get(listener.port) ?? new Map<string, string>();
    listeners.set(listener.port, hostnames.set(listener.hostname, listenerScope(listener)));
    if (listener.paths) paths.set(`${listener.port} ${listener.hostname}`, listener.paths);
  }
  const shards = manifest.shards.map(() => undefined);
  return { manifest, listeners, paths, shards, usedAt: new Float64Array(shards.length), uses: 0, grain };
}

/**
 * For each port and hostname the listener with most of the Gateways that the edge stands for (`gateway` alone, or with `""` all that `grain`
 * serves) and fewest others. Those of some namespaces are not merged for themselves: where other namespaces have a Gateway with
 * the same port and hostname, theirs is in it.
 */
export function listenersOf<L extends ManifestListener>(
  { listeners }: { readonly listeners: readonly L[] },
  gateway: string,
  grain = EVERYTHING,
): L[] {
  const isOurs = (one: string): boolean => (gateway === "" || one === gateway) && servesGateway(grain, one);
  const taken = new Map<string, { readonly listener: L; readonly ours: number }>();
  for (const listener of listeners) {
    const { port, hostname, gateways } = listener;
    const ours = gateways.filter(isOurs).length;
    if (ours === 0) continue;
    const other = taken.get(`${port} ${hostname}`);
    const closer =
      !other || ours > other.ours || (ours === other.ours && gateways.length < other.listener.gateways.length);
    if (closer) taken.set(`${port} ${hostname}`, { listener, ours });
  }
  return [...taken.values()].map(({ listener }) => listener);
}

/** False where another deployment serves the address: a service outside the grain, or a host that no listener within it covers. */
export function isInScope(matcher: Matcher, port: number, address: Address): boolean {
  const { grain } = matcher;
  if (grain.kind === "everything") return true;
  return address.kind === "service"
    ? servesService(grain, address.service)
    : listenerOf(matcher, port, address.host) !== undefined;
}

/** Whether what the edge serves may stand in a shard: the others it never loads. A manifest of before says of none where its namespaces are. */
export function mayServe({ manifest: { namespaces, shards }, grain }: Matcher, shard: number): boolean {
  if (grain.kind === "everything" || !namespaces) return true;
  for (const service of grain.services) if (shardOf(hashOfService(service), shards.length) === shard) return true;
  for (const namespace of grain.namespaces)
    if (Object.hasOwn(namespaces, namespace) && namespaces[namespace]!.includes(shard)) return true;
  return false;
}

/** North-south: by the port that the connection came in on and the host (lower case, without port). */
export function matchHost(matcher: Matcher, port: number, host: string, subject: Subject): Match | Missing | undefined {
  // The most specific listener has the request to itself, whether or not it has a route for it.
  const listener = listenerOf(matcher, port, host);
  if (!listener) return undefined;
  for (let name: string | undefined = host; name !== undefined; name = lessSpecific(name)) {
    const match = matchName(matcher, listener.scope, name, hashOfHost(name), subject);
    if (match) return match;
  }
  return undefined;
}

/** What the listener that covers a host says of ambiguous paths; they are refused where there is none, as on services' own addresses. */
export function ambiguousPathsOf(matcher: Matcher, port: number, host: string): AmbiguousPaths {
  const listener = matcher.paths.size === 0 ? undefined : listenerOf(matcher, port, host);
  return (listener && matcher.paths.get(`${port} ${listener.hostname}`)) ?? "refuse";
}

/** True when a listener's hostname covers the host; a listener for any host names none. */
export const isNamed = (matcher: Matcher, port: number, host: string): boolean =>
  (listenerOf(matcher, port, host)?.hostname ?? "") !== "";

function listenerOf(matcher: Matcher, port: number, host: string) {
  const listeners = matcher.listeners.get(port);
  if (!listeners) return undefined;
  for (let hostname: string | undefined = host; hostname !== undefined; hostname = lessSpecific(hostname)) {
    const scope = listeners.get(hostname);
    if (scope !== undefined) return { hostname, scope };
  }
  return undefined;
}

/**
 * East-west: by `service.namespace`, and the service's port when the caller named one. `caller` is the caller's namespace,
 * or empty when it is not known; routes of that namespace take the place of the service's own.
 */
export function matchService(
  matcher: Matcher,
  service: string,
  port: number | undefined,
  caller: string,
  subject: Subject,
): Match | Missing | undefined {
  const hash = hashOfService(service);
  const at = whereabouts(matcher, hash);
  if (typeof at !== "object" || "missing" in at) return at;
  const table = serviceTable(at, service, hash, port, caller);
  return table === -1 ? undefined : matchTable(at, table, subject);
}

function serviceTable(shard: Shard, service: string, hash: number, port: number | undefined, caller: string): number {
  const own = caller === "" ? -1 : tableAt(shard, serviceScope(port, caller), service, hash);
  return own === -1 ? tableAt(shard, serviceScope(port), service, hash) : own;
}

/** The tables that are searched for an address, in their order, each with the name that it stands under; of those that are resident. */
export function* tablesFor(
  matcher: Matcher,
  { port, caller }: { readonly port: number; readonly caller: string },
  address: Address,
): Generator<{ readonly name: string; readonly shard: Shard; readonly table: number }> {
  if (address.kind === "service") {
    const { service } = address;
    const hash = hashOfService(service);
    const shard = whereabouts(matcher, hash);
    if (!shard || "missing" in shard) return;
    const table = serviceTable(shard, service, hash, address.port, caller);
    if (table !== -1) yield { name: service, shard, table };
    return;
  }
  const listener = listenerOf(matcher, port, address.host);
  if (!listener) return;
  for (let name: string | undefined = address.host; name !== undefined; name = lessSpecific(name)) {
    const hash = hashOfHost(name);
    const shard = whereabouts(matcher, hash);
    if (!shard || "missing" in shard) continue;
    const table = tableAt(shard, listener.scope, name, hash);
    if (table !== -1) yield { name, shard, table };
  }
}

function matchName(
  matcher: Matcher,
  scope: string,
  name: string,
  hash: number,
  subject: Subject,
): Match | Missing | undefined {
  const at = whereabouts(matcher, hash);
  if (typeof at !== "object" || "missing" in at) return at;
  const table = tableAt(at, scope, name, hash);
  return table === -1 ? undefined : matchTable(at, table, subject);
}

/** The shard with all that is known under a name; undefined if nothing is. */
function whereabouts(matcher: Matcher, name: number): Shard | Missing | undefined {
  const { manifest, shards } = matcher;
  if (!hasName(manifest, name)) return undefined;
  const number = shardOf(name, shards.length);
  matcher.usedAt[number] = ++matcher.uses;
  return shards[number] ?? { missing: number };
}

/** RFC 1035; what is longer names nothing, and is not worth cutting up label by label. */
const MAX_HOST_LENGTH = 253;

/** After `a.b.c` comes `*.b.c`, then `*.c`, then the empty name that stands for any host, then nothing. */
function lessSpecific(name: string): string | undefined {
  if (name === "") return undefined;
  const dot = name.length <= MAX_HOST_LENGTH ? name.indexOf(".", name.startsWith("*") ? 2 : 0) : -1;
  return dot === -1 ? "" : `*${name.slice(dot)}`;
}
