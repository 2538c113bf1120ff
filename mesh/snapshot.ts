/**
 * What an edge runs: the compiled, immutable whole of the configuration. Control compiles it and publishes it in pieces (published.ts);
 * edges match against the pieces (match.ts), and whoever shows it puts them together again (assemble.ts). Every default is filled in,
 * every reference is an index, every list is in the order in which the edge tries it: the edge decides nothing that compile could have decided.
 */
import type { MeshIdentity } from "./identity.ts";
import type { Authentication } from "./policies/authenticate.ts";
import type { AuthorizationGroup } from "./policies/authorize.ts";
import type { HealthCheck } from "./policies/health-check.ts";
import type { Idempotency } from "./policies/idempotency.ts";
import type { AmbiguousPaths } from "./canonical-path.ts";
import type { Adaptive } from "./policies/adaptive.ts";
import type { Concurrency } from "./policies/concurrency.ts";
import type { RequestLimits } from "./policies/request-limits.ts";
import type { RateLimit } from "./policies/rate-limit.ts";
import type { Cors } from "./policies/cors.ts";
import type { Fault } from "./policies/fault.ts";
import type { Hedge } from "./policies/hedge.ts";
import type { MirrorCompare } from "./policies/mirror-compare.ts";
import type { Telemetry } from "./policies/telemetry.ts";
import type { Retry } from "./policies/retry.ts";
import type { Session } from "./policies/session.ts";
import type { StaleServe } from "./policies/stale-serve.ts";
import type { Balance } from "./policies/balance.ts";
import type { BreakerPolicy } from "./policies/breaker.ts";

/** Raised when an older edge could misread a newer snapshot; such an edge refuses it and keeps its own. */
export const SNAPSHOT_FORMAT = 3;

export type Snapshot = {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly listeners: readonly Listener[];
  /** By `service.namespace`; the first port is the one meant when a caller names none. */
  readonly services: Readonly<Record<string, readonly ServicePort[]>>;
  readonly rules: readonly Rule[];
  readonly backends: readonly Backend[];
  /** `service.namespace` of those that clients may call without the mesh when no edge answers, in order; absent for none. */
  readonly direct?: readonly string[];
  /** Absent while the mesh has no workload. */
  readonly identity?: MeshIdentity;
};

/**
 * The listeners of one port and hostname: merged over all Gateways that have it, and, where those are several, once more
 * for each by itself. Which of them an edge takes is `listenersOf`'s to say.
 */
export type Listener = {
  /** `namespace/name` of each Gateway whose routes these are, in order. */
  readonly gateways: readonly string[];
  readonly port: number;
  /** `shop.example`, `*.example`, or empty for any host. */
  readonly hostname: string;
  /** What becomes of ambiguous paths; absent where they are refused. Where Gateways differ, the strictest holds. */
  readonly paths?: Exclude<AmbiguousPaths, "refuse">;
  /** By the hostname that routes gave, intersected with the listener's: exact, `*.suffix` or empty. */
  readonly hosts: Readonly<Record<string, RouteTable>>;
};

export type ServicePort = {
  readonly port: number;
  readonly table: RouteTable;
  /** By the namespace of the caller, whose own routes stand in for the whole `table` (GEP-1294, consumer routes). */
  readonly consumers?: Readonly<Record<string, RouteTable>>;
};

/** Rules by path. A prefix is kept without its last slash, so `/` is the empty key. */
export type RouteTable = {
  readonly exact: Readonly<Record<string, readonly Candidate[]>>;
  /** By the folder in which every path lies that the pattern matches, so that other paths never try it. */
  readonly regex?: Readonly<Record<string, readonly Candidate[]>>;
  readonly prefix: Readonly<Record<string, readonly Candidate[]>>;
};

/** One match of one rule, its path apart. Lists of these stand in Gateway API's order of precedence. */
export type Candidate = {
  readonly rule: number;
  /** The pattern that the whole path must match; only below `regex`. */
  readonly path?: string;
  readonly method?: string;
  readonly headers?: readonly Condition[];
  readonly query?: readonly Condition[];
};
/** With `regex`, the value is a pattern that the whole value must match. */
export type Condition = NamedValue & { readonly regex?: true };
/** Header names are in lower case. */
type NamedValue = { readonly name: string; readonly value: string };

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
  /** 0 only where a session may still lead there; it is never drawn. */
  readonly weight: number;
  readonly layers: readonly Policy[];
};

export type Backend = {
  /** `Backend/namespace/name` or `Service/namespace/name:port`. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly health?: HealthCheck;
};

export type Endpoint = {
  readonly weight: number;
  readonly zone?: string;
  /** 0, the first, where it is absent. */
  readonly priority?: number;
} & (
  | {
      readonly kind: "url";
      readonly origin: string;
      /** Without its last slash. */ readonly path: string;
      /** The edge's own machine or network, which only a local mesh contacts: see egress.ts. */
      readonly reserved?: true;
    }
  | { readonly kind: "binding"; readonly binding: string }
);

/** What tells an endpoint from the others of its backend. */
export const addressOf = (endpoint: Endpoint): string =>
  endpoint.kind === "url" ? endpoint.origin + endpoint.path : endpoint.binding;

/** What a layer carries out. `compile/order.ts` fixes the order and says why; each kind has a line in `renumber.ts`, which says whether it names backends by index. */
export type Policy =
  /** The proxy carries it out itself: it is about the whole of a request, and what refuses it is part of that. */
  | ({ readonly kind: "telemetry" } & Telemetry)
  /** Until then, in milliseconds since 1970, what bypass.ts does not keep of this stack does not hold. */
  | { readonly kind: "bypass"; readonly until: number }
  /** Refused while the isolate is crowded. */
  | { readonly kind: "low-priority" }
  | { readonly kind: "deadline"; readonly ms: number }
  | ({ readonly kind: "request-limits" } & RequestLimits)
  | ({ readonly kind: "cors" } & Cors)
  | ({ readonly kind: "authenticate" } & Authentication)
  /** `service` is `name.namespace`: whom the assertion is for. `sign`: each request is signed as well (RFC 9421). */
  | { readonly kind: "assert"; readonly trustDomain: string; readonly service: string; readonly sign?: true }
  /** `mirrors`: what must admit the copies that go to a mirror, beyond what must admit the call. */
  | {
      readonly kind: "authorize";
      readonly groups: readonly AuthorizationGroup[];
      readonly mirrors?: readonly MirrorAuthorization[];
    }
  | { readonly kind: "rate-limit"; readonly limits: readonly RateLimit[] }
  | ({ readonly kind: "idempotency" } & Idempotency)
  | ({ readonly kind: "stale-serve" } & StaleServe)
  | ({ readonly kind: "request-headers" } & HeaderChanges)
  | ({ readonly kind: "response-headers" } & HeaderChanges)
  | ({ readonly kind: "redirect" } & Redirect)
  | { readonly kind: "rewrite"; readonly hostname?: string; readonly path?: PathChange }
  | { readonly kind: "refuse"; readonly reason: string }
  /** `scope` keeps the tokens of one rule from meaning anything to another; `shares` are the backends of the rule's shares. */
  | ({ readonly kind: "session"; readonly scope: string; readonly shares: readonly (number | null)[] } & Session)
  /** `backend` is an index into `backends`; `share` is more than 0 and at most 1. */
  | {
      readonly kind: "mirror";
      readonly backend: number;
      readonly share: number;
      /** What is made of its answers; absent where they are thrown away. */
      readonly compare?: MirrorCompare;
    }
  /** Answers name the endpoint of `backend` that had the call. */
  | { readonly kind: "expose-endpoint"; readonly backend: number }
  | ({ readonly kind: "breaker"; /** Names the circuit's object. */ readonly circuit: string } & BreakerPolicy)
  /** A circuit for each endpoint of `backend`, beneath the draw of one. */
  | ({ readonly kind: "endpoint-breaker"; readonly circuit: string; readonly backend: number } & BreakerPolicy)
  /** `name` names its object. */
  | ({ readonly kind: "concurrency"; readonly name: string } & Concurrency)
  /** `name` names what isolates have found out. */
  | ({ readonly kind: "adaptive-concurrency"; readonly name: string } & Adaptive)
  /** `backend` names what its budget is kept for. */
  | ({ readonly kind: "retry"; readonly backend: string } & Retry)
  /** `scope` names what the times of its answers are kept for. */
  | ({ readonly kind: "hedge"; readonly scope: string } & Hedge)
  /** Opens, and stays open, once callers saw too many failures: then no faults are made. */
  | ({ readonly kind: "fault-budget"; readonly circuit: string } & BreakerPolicy)
  | ({ readonly kind: "fault" } & Fault)
  /** `backend` is an index into `backends`; `group` names what isolates remember of its endpoints. */
  | ({ readonly kind: "balance"; readonly backend: number; readonly group: string } & Balance)
  /** The time of one try, within the deadline of the whole call. */
  | { readonly kind: "try-timeout"; readonly ms: number }
  /** From the beginning of a try to the first byte of its response's body. */
  | { readonly kind: "first-byte"; readonly ms: number }
  /** Of the response's body: between two of its bytes, and from its headers to its end. At least one of them is given. */
  | { readonly kind: "body-timeout"; readonly idleMs?: number; readonly ms?: number };

/** `backend` is an index into `backends`, and `name` its name. */
type MirrorAuthorization = {
  readonly backend: number;
  readonly name: string;
  readonly groups: readonly AuthorizationGroup[];
};

export type HeaderChanges = {
  readonly set: readonly NamedValue[];
  readonly add: readonly NamedValue[];
  readonly remove: readonly string[];
};

export type Redirect = {
  readonly status: number;
  readonly scheme?: "http" | "https";
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

/** More than this is refused by control and by edges: one host's routes are one shard, and an isolate has 128 MB for all it serves. */
export const MAX_SHARD_BYTES = 8 * 1024 * 1024;
/** Of all shards together: what control can hold and write. */
export const MAX_SNAPSHOT_BYTES = 32 * 1024 * 1024;

/** KV: which snapshot is in force, as JSON of `Pointer`. */
export const POINTER_KEY = "pointer";
/** KV: a snapshot's manifest, under its hash, which is the snapshot's. */
export const snapshotKey = (hash: string): string => `snapshot/${hash}`;
/** KV: a shard, under its hash. */
export const shardKey = (hash: string): string => `shard/${hash}`;
