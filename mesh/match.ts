/**
 * Request -> rule, by Gateway API's precedence: the most specific listener, then the most specific hostname, an exact path,
 * the regular expression of the deepest folder, the longest prefix, and within a path the order in which compile put the
 * candidates. A host that has no rule for the request falls through to the next less specific one. Cost grows with the depth
 * of the path, not with the number of routes.
 */
import type { AmbiguousPaths } from "./canonical-path.ts";
import { type Pattern, pattern } from "./pattern.ts";
import type { Candidate, Condition, Listener, Rule, RouteTable, Snapshot } from "./snapshot.ts";

/** What matching reads of a request. Headers and query are asked for only when a candidate needs them. */
export type Subject = {
  readonly method: string;
  /** Path as it goes upstream, without query. */
  readonly path: string;
  readonly header: (name: string) => string | null;
  readonly query: (name: string) => string | null;
};

export type Match = {
  readonly rule: Rule;
  /** The prefix that matched, without its last slash; absent when the path matched otherwise. */
  readonly prefix?: string;
  /** The part of the path that the rule names literally: the exact path, the prefix, or a pattern's folder. */
  readonly folder: string;
};

type Table = {
  readonly exact: Map<string, readonly Candidate[]>;
  readonly regex: Folders;
  readonly prefix: Folders;
};
type Folders = {
  readonly byPath: Map<string, readonly Candidate[]>;
  /** The length of the longest: a caller's endless path is not cut up beyond it. */
  readonly longest: number;
};
type Hosts = Map<string, Table>;

/** A snapshot made ready for matching; built once, when the snapshot is activated. */
export type Matcher = {
  readonly rules: readonly Rule[];
  /** By port, then by the listener's hostname. */
  readonly listeners: Map<number, Map<string, Hosts>>;
  readonly services: Map<string, { readonly first: PortTables; readonly byPort: Map<number, PortTables> }>;
  /** What becomes of ambiguous paths, by port and listener's hostname; refused where nothing stands. */
  readonly paths: ReadonlyMap<string, AmbiguousPaths>;
  /** Compiled when first met: of all patterns, an isolate meets a few. */
  readonly patterns: Map<string, Pattern>;
};
type PortTables = { readonly producer: Table; readonly consumers: Map<string, Table> };

/** `gateway` (`namespace/name`) is the only one whose listeners count; empty text takes those of all. */
export function matcher(snapshot: Snapshot, gateway = ""): Matcher {
  const listeners: Matcher["listeners"] = new Map();
  const paths = new Map<string, AmbiguousPaths>();
  for (const listener of listenersOf(snapshot, gateway)) {
    const hostnames = listeners.get(listener.port) ?? new Map<string, Hosts>();
    hostnames.set(listener.hostname, hostsOf(listener));
    listeners.set(listener.port, hostnames);
    if (listener.paths) paths.set(`${listener.port} ${listener.hostname}`, listener.paths);
  }
  const services: Matcher["services"] = new Map();
  for (const [name, ports] of Object.entries(snapshot.services)) {
    const tables = ports.map(({ port, table, consumers = {} }) => [port, portTables(table, consumers)] as const);
    if (tables[0]) services.set(name, { first: tables[0][1], byPort: new Map(tables) });
  }
  return { rules: snapshot.rules, listeners, services, paths, patterns: new Map() };
}

/** For each port and hostname the listener of `gateway` alone, or else the merged one; `""` is an edge of all Gateways. */
export function listenersOf({ listeners }: Snapshot, gateway: string): Listener[] {
  const taken = new Map<string, Listener>();
  for (const listener of listeners) {
    const { port, hostname, gateways } = listener;
    if (gateway !== "" && !gateways.includes(gateway)) continue;
    const other = taken.get(`${port} ${hostname}`)?.gateways.length;
    const closer = other === undefined || (gateway === "" ? gateways.length > other : gateways.length < other);
    if (closer) taken.set(`${port} ${hostname}`, listener);
  }
  return [...taken.values()];
}

const hostsOf = ({ hosts }: Listener): Hosts =>
  new Map(Object.entries(hosts).map(([host, table]) => [host, tableOf(table)]));

const portTables = (producer: RouteTable, consumers: Readonly<Record<string, RouteTable>>): PortTables => ({
  producer: tableOf(producer),
  consumers: new Map(Object.entries(consumers).map(([namespace, table]) => [namespace, tableOf(table)])),
});

const tableOf = ({ exact, regex = {}, prefix }: RouteTable): Table => ({
  exact: new Map(Object.entries(exact)),
  regex: foldersOf(regex),
  prefix: foldersOf(prefix),
});

function foldersOf(paths: RouteTable["prefix"]): Folders {
  let longest = 0;
  for (const path of Object.keys(paths)) longest = Math.max(longest, path.length);
  return { byPath: new Map(Object.entries(paths)), longest };
}

/** North-south: by the port that the connection came in on and the host (lower case, without port). */
export function matchHost(matcher: Matcher, port: number, host: string, subject: Subject): Match | undefined {
  // The most specific listener has the request to itself, whether or not it has a route for it.
  const listener = listenerOf(matcher, port, host);
  return listener && matchHosts(matcher, listener.hosts, host, subject);
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
    const hosts = listeners.get(hostname);
    if (hosts) return { hostname, hosts };
  }
  return undefined;
}

function matchHosts(matcher: Matcher, hosts: Hosts, host: string, subject: Subject): Match | undefined {
  for (let name: string | undefined = host; name !== undefined; name = lessSpecific(name)) {
    const table = hosts.get(name);
    const match = table && matchTable(matcher, table, subject);
    if (match) return match;
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
): Match | undefined {
  const entry = matcher.services.get(service);
  const tables = port === undefined ? entry?.first : entry?.byPort.get(port);
  return tables && matchTable(matcher, tables.consumers.get(caller) ?? tables.producer, subject);
}

function matchTable(matcher: Matcher, { exact, regex, prefix }: Table, subject: Subject): Match | undefined {
  const { rules } = matcher;
  const found = firstThatFits(matcher, exact.get(subject.path), subject);
  if (found) return { rule: rules[found.rule]!, folder: subject.path }; // decode proved every index
  const matched = deepestThatFits(matcher, regex, subject);
  if (matched) return { rule: rules[matched.candidate.rule]!, folder: matched.path };
  const below = deepestThatFits(matcher, prefix, subject);
  return below && { rule: rules[below.candidate.rule]!, prefix: below.path, folder: below.path };
}

/** `/a/b` is tried as /a/b, /a and the empty path; a segment is matched whole or not at all. */
function deepestThatFits(matcher: Matcher, { byPath, longest }: Folders, subject: Subject) {
  if (byPath.size === 0) return undefined;
  const { path } = subject;
  const start = path.length <= longest ? path.length : path.lastIndexOf("/", longest);
  for (let end = start; end >= 0; end = path.lastIndexOf("/", end - 1)) {
    const key = path.slice(0, end);
    const candidate = firstThatFits(matcher, byPath.get(key), subject);
    if (candidate) return { path: key, candidate };
    if (end === 0) break;
  }
  return undefined;
}

function firstThatFits(
  matcher: Matcher,
  candidates: readonly Candidate[] | undefined,
  subject: Subject,
): Candidate | undefined {
  return candidates?.find(
    ({ path, method, headers, query }) =>
      (method === undefined || method === subject.method) &&
      (path === undefined || patternOf(matcher, path).matches(subject.path)) &&
      (headers === undefined || headers.every((condition) => holds(matcher, condition, subject.header))) &&
      (query === undefined || query.every((condition) => holds(matcher, condition, subject.query))),
  );
}

function holds(matcher: Matcher, { name, value, regex }: Condition, read: (name: string) => string | null): boolean {
  const given = read(name);
  if (regex === undefined) return given === value;
  return given !== null && patternOf(matcher, value).matches(given);
}

function patternOf({ patterns }: Matcher, text: string): Pattern {
  const known = patterns.get(text) ?? pattern(text); // decode proved every pattern
  patterns.set(text, known);
  return known;
}

/** RFC 1035; what is longer names nothing, and is not worth cutting up label by label. */
const MAX_HOST_LENGTH = 253;

/** After `a.b.c` comes `*.b.c`, then `*.c`, then the empty name that stands for any host, then nothing. */
function lessSpecific(name: string): string | undefined {
  if (name === "") return undefined;
  const dot = name.length <= MAX_HOST_LENGTH ? name.indexOf(".", name.startsWith("*") ? 2 : 0) : -1;
  return dot === -1 ? "" : `*${name.slice(dot)}`;
}
