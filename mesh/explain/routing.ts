/** Which rule takes a request, and which come before it and do not. */
import { type Address, addressOf, hostOf } from "../address.ts";
import { canonicalPath } from "../canonical-path.ts";
import { allOf, type Failure, failureOf, listenerFor, namesOf } from "../candidates.ts";
import type { Placed } from "../compile/table.ts";
import { listenersOf, type Subject } from "../match.ts";
import type { Listener, RouteTable, ServicePort, Snapshot } from "../snapshot.ts";

/** Where a request comes in, and from whom. */
export type Entry = {
  /** In lower case, without port. */
  readonly hostname: string;
  /** With everything before the query. */
  readonly pathname: string;
  /** The port that the URL names. */
  readonly urlPort: number | undefined;
  /** The listener port that the edge's socket stands for. */
  readonly port: number;
  /** `namespace/name` of the one Gateway that the edge serves; empty for all. */
  readonly gateway: string;
  /** The caller's namespace; empty where it is not known. */
  readonly caller: string;
  readonly domain: string;
};

/** What the request is for, once that is known. */
export type Reached =
  | { readonly kind: "host"; readonly host: string; readonly port: number; readonly listener: Listener | undefined }
  | {
      readonly kind: "service";
      readonly service: string;
      readonly port: number | undefined;
      /** Undefined where there is no such service or port. */
      readonly found: ServicePort | undefined;
      /** The namespace whose own routes stand in for the service's. */
      readonly consumer: string | undefined;
    };

/** A candidate in the table of a host; the empty host is any, and a service's table has none. */
export type Considered = Placed & { readonly host: string };
export type PassedOver = Considered & { readonly because: Failure };

export type Routing = {
  readonly reached: Reached;
  readonly path: string;
  readonly taker: Considered | undefined;
  /** What comes before the taker, or everything where there is none; in the order in which an edge tries it. */
  readonly passedOver: readonly PassedOver[];
};

/** `asked` but for the path, which is the address's to say. */
export function route(snapshot: Snapshot, entry: Entry, asked: Omit<Subject, "path">): Routing {
  const listeners = listenersOf(snapshot, entry.gateway);
  const address = addressIn(snapshot, listeners, entry);
  const reached = reach(snapshot, listeners, entry, address);
  const subject = { ...asked, path: address.path };
  const passedOver: PassedOver[] = [];
  for (const [host, table] of tablesOf(reached)) {
    for (const placed of allOf(table)) {
      const because = failureOf(placed, subject);
      if (!because) return { reached, path: address.path, taker: { ...placed, host }, passedOver };
      passedOver.push({ ...placed, host, because });
    }
  }
  return { reached, path: address.path, taker: undefined, passedOver };
}

/** As the edge reads it; `service.namespace` itself is also taken for a service's address, where no listener names such a host. */
function addressIn({ services }: Snapshot, listeners: readonly Listener[], entry: Entry): Address {
  const address = addressOf(listeners, isNamed, entry, entry.hostname, canonicalIn(listeners, entry) ?? entry.pathname);
  if (address.kind === "service" || isNamed(listeners, entry.port, address.host)) return address;
  if (!Object.hasOwn(services, address.host)) return address;
  return { kind: "service", service: address.host, port: entry.urlPort, path: address.path };
}

/** As the edge spells it; undefined where it refuses the path. */
function canonicalIn(listeners: readonly Listener[], { port, hostname, pathname }: Entry): string | undefined {
  return canonicalPath(pathname, false, listenerFor(listeners, port, hostOf(hostname))?.paths ?? "refuse");
}

/** Whether the edge refuses the path before it has looked for a route. */
export const isAmbiguous = (snapshot: Snapshot, entry: Entry): boolean =>
  canonicalIn(listenersOf(snapshot, entry.gateway), entry) === undefined;

const isNamed = (listeners: readonly Listener[], port: number, host: string): boolean =>
  (listenerFor(listeners, port, host)?.hostname ?? "") !== "";

function reach({ services }: Snapshot, listeners: readonly Listener[], entry: Entry, address: Address): Reached {
  if (address.kind === "host") {
    const { host } = address;
    return { kind: "host", host, port: entry.port, listener: listenerFor(listeners, entry.port, host) };
  }
  const { service, port } = address;
  const ports = Object.hasOwn(services, service) ? services[service]! : [];
  const found = port === undefined ? ports[0] : ports.find((one) => one.port === port);
  const consumer = Object.hasOwn(found?.consumers ?? {}, entry.caller) ? entry.caller : undefined;
  return { kind: "service", service, port, found, consumer };
}

function tablesOf(reached: Reached): [host: string, table: RouteTable][] {
  if (reached.kind === "host") {
    const hosts = reached.listener?.hosts ?? {};
    return namesOf(reached.host).flatMap((name) => (Object.hasOwn(hosts, name) ? [[name, hosts[name]!]] : []));
  }
  const { found, consumer, service } = reached;
  if (!found) return [];
  return [[service, consumer === undefined ? found.table : found.consumers![consumer]!]]; // it is there, or it were no consumer
}

/**
 * The `limit` of those passed over that were nearest, in their order: all that the path would have let through, then those that
 * share most of it.
 */
export function nearest(passedOver: readonly PassedOver[], path: string, limit: number): PassedOver[] {
  const shared = ({ because, kind, path: own, candidate }: PassedOver): number =>
    because.by === "path" ? common(kind === "regex" ? (candidate.path ?? "") : own, path) : Infinity;
  const kept = passedOver.map((one) => ({ one, shared: shared(one) })).toSorted((a, b) => b.shared - a.shared);
  const nearer = new Set(kept.slice(0, limit).map(({ one }) => one));
  return passedOver.filter((one) => nearer.has(one));
}

function common(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
