/**
 * What an edge runs: the compiled, immutable whole of the configuration, addressed by the SHA-256 of its canonical text.
 * Control writes it (`compile`), edges read it (`decode`). Every default is filled in, every reference is an index,
 * every list is in the order in which the edge tries it: the edge decides nothing that compile could have decided.
 */
import { canonicalJson, isRecord } from "./canonical.ts";
import type { RateLimit } from "./policies/rate-limit.ts";
import type { BreakerPolicy } from "./policies/breaker.ts";

/** Raised when an older edge could misread a newer snapshot; such an edge refuses it and keeps its own. */
export const SNAPSHOT_FORMAT = 1;

export type Snapshot = {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly listeners: readonly Listener[];
  /** By `service.namespace`; the first port is the one meant when a caller names none. */
  readonly services: Readonly<Record<string, readonly ServicePort[]>>;
  readonly rules: readonly Rule[];
  readonly backends: readonly Backend[];
};

/** All listeners of one port and hostname, whatever their Gateways. */
export type Listener = {
  readonly port: number;
  /** `shop.example`, `*.example`, or empty for any host. */
  readonly hostname: string;
  /** By the hostname that routes gave, intersected with the listener's: exact, `*.suffix` or empty. */
  readonly hosts: Readonly<Record<string, RouteTable>>;
};

export type ServicePort = { readonly port: number; readonly table: RouteTable };

/** Rules by path. A prefix is kept without its last slash, so `/` is the empty key. */
export type RouteTable = {
  readonly exact: Readonly<Record<string, readonly Candidate[]>>;
  readonly prefix: Readonly<Record<string, readonly Candidate[]>>;
};

/** One match of one rule, its path apart. Lists of these stand in Gateway API's order of precedence. */
export type Candidate = {
  readonly rule: number;
  readonly method?: string;
  readonly headers?: readonly NamedValue[];
  readonly query?: readonly NamedValue[];
};
/** Header names are in lower case. */
export type NamedValue = { readonly name: string; readonly value: string };

export type Rule = {
  /** `namespace/name` of the route, or of the Service whose own backend this is. */
  readonly route: string;
  /** The rule's name, or its number in the route. */
  readonly rule: string;
  readonly layers: readonly Policy[];
  readonly backends: readonly WeightedBackend[];
};

export type WeightedBackend = {
  /** Index into `backends`; null where the reference is invalid, and its share of requests is answered 500. */
  readonly backend: number | null;
  /** At least 1: shares of weight 0 are left out. */
  readonly weight: number;
  readonly layers: readonly Policy[];
};

export type Backend = {
  /** `Backend/namespace/name` or `Service/namespace/name:port`. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
};

export type Endpoint =
  | {
      readonly kind: "url";
      readonly origin: string;
      /** Without its last slash. */ readonly path: string;
      readonly weight: number;
    }
  | { readonly kind: "binding"; readonly binding: string; readonly weight: number };

/** What a layer carries out. `compile/order.ts` fixes the order and says why. */
export type Policy =
  | { readonly kind: "deadline"; readonly ms: number }
  | { readonly kind: "rate-limit"; readonly limits: readonly RateLimit[] }
  | ({ readonly kind: "request-headers" } & HeaderChanges)
  | ({ readonly kind: "response-headers" } & HeaderChanges)
  | ({ readonly kind: "redirect" } & Redirect)
  | { readonly kind: "rewrite"; readonly hostname?: string; readonly path?: PathChange }
  | { readonly kind: "refuse"; readonly reason: string }
  | ({ readonly kind: "breaker"; /** Names the circuit's object. */ readonly circuit: string } & BreakerPolicy);

export type HeaderChanges = {
  readonly set: readonly NamedValue[];
  readonly add: readonly NamedValue[];
  readonly remove: readonly string[];
};

export type Redirect = {
  readonly status: number;
  readonly scheme?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: PathChange;
};

export type PathChange = { readonly kind: "full" | "prefix"; readonly to: string };

export const EMPTY_SNAPSHOT: Snapshot = {
  format: SNAPSHOT_FORMAT,
  listeners: [],
  services: {},
  rules: [],
  backends: [],
};

export const encode = (snapshot: Snapshot): string => canonicalJson(snapshot);

/**
 * The snapshot that `text` holds. Throws an Error that says what is wrong with it: the edge then refuses the whole and
 * keeps the one it has. The hash has proven who wrote the text; this proves that this edge can run it.
 */
export function decode(text: string): Snapshot {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error("not a snapshot");
  if (value.format !== SNAPSHOT_FORMAT)
    throw new Error(`format ${String(value.format)}, this edge reads ${SNAPSHOT_FORMAT}`);
  const { listeners, services, rules, backends } = value as Partial<Snapshot>;
  if (!Array.isArray(listeners) || !isRecord(services) || !Array.isArray(rules) || !Array.isArray(backends))
    throw new Error("a part is missing");
  const snapshot = value as Snapshot;
  const tables = [
    ...snapshot.listeners.flatMap(({ hosts }) => Object.values(hosts)),
    ...Object.values(snapshot.services).flatMap((ports) => ports.map(({ table }) => table)),
  ];
  for (const { exact, prefix } of tables)
    for (const candidates of [...Object.values(exact), ...Object.values(prefix)])
      for (const { rule } of candidates) if (rules[rule] === undefined) throw new Error(`no rule ${rule}`);
  for (const rule of snapshot.rules)
    for (const { backend } of rule.backends)
      if (backend !== null && backends[backend] === undefined) throw new Error(`no backend ${backend}`);
  return snapshot;
}

/** More than this is refused by control and by edges: an isolate has 128 MB, and holds two snapshots while it swaps. */
export const MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024;

/** KV: which snapshot is in force, as JSON of `Pointer`. */
export const POINTER_KEY = "pointer";
/** KV: the text of a snapshot, under its hash. */
export const snapshotKey = (hash: string): string => `snapshot/${hash}`;
