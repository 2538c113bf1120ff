import type { Pointer } from "../../mesh/api.ts";
import type { Denial } from "../../mesh/denial.ts";
import type { Identity } from "../../mesh/identity.ts";
import type { KeySet } from "../../mesh/key-set.ts";
import type { Claims } from "../../mesh/policies/authorize-clause.ts";
import type { Policy } from "../../mesh/snapshot.ts";
import type {
  BreakerObject,
  CollectorObject,
  ConcurrencyObject,
  HealthObject,
  IdempotencyObject,
  RateLimitObject,
} from "../../durable-objects/index.ts";
import type { DataPoint } from "../../mesh/telemetry/data-point.ts";
import type { Recording } from "../../mesh/telemetry/span.ts";
import type { Trace } from "../../mesh/telemetry/trace.ts";
import type { AnswerStore } from "./answers.ts";
import type { Step } from "./step.ts";
import type { EdgeKey, Memory } from "./memory.ts";

/** One request on its way through the mesh. What goes upstream is changed in place by the layers on the way down. */
export type Call = {
  readonly request: Request;
  /** What goes upstream as body: the request's own stream, or a copy that can be sent again. */
  body: ReadableStream | ArrayBuffer | null;
  /** Headers for the upstream: a copy of the request's, already clean of what must not cross a hop. */
  readonly headers: Headers;
  /** Begins with `/`. */
  path: string;
  /** Empty, or begins with `?`. */
  search: string;
  /** The Host that the caller asked for, with its port if it named one, or what a rewrite made of it. */
  host: string;
  /** The prefix that matched, without its last slash; absent when the path matched exactly. */
  readonly prefix: string | undefined;
  /** The part of the caller's path that the rule names literally: all of its requests lie there or below. */
  readonly folder: string;
  /** Where the call goes, as far as that is decided: beforehand by a session, or drawn on the way. Replaced, never changed. */
  place: Place;
  /** The backend's name, once it is drawn; empty until then. */
  backend: string;
  /** Endpoints that the call was sent to so far, last one last; a further try avoids them. Replaced, never changed. */
  tried: readonly number[];
  /** Aborts the upstream call. Undefined while nothing can abort it. */
  signal: AbortSignal | undefined;
  /** Aborts with a `Denied` once the body broke off or was refused. Undefined while nobody watches it. */
  broken: AbortSignal | undefined;
  /** When the response's headers must be there, in milliseconds since 1970: the nearest of all that bound the call at this point. */
  deadline: number | undefined;
  /** `deadline` is the time that the caller itself gave. */
  deadlineIsCallers: boolean;
  /** The caller's address, or empty where the runtime does not tell. */
  readonly client: string;
  /** The listener's: what the caller spoke, and the port that it called. */
  readonly scheme: "http" | "https";
  readonly port: number;
  /** Who calls, where that is proven; undefined for anyone. */
  readonly identity: Identity | undefined;
  /** The SPIFFE IDs through which the call came to its caller, the first one first. */
  readonly chain: readonly string[];
  /** Each try is signed for its service; sign-request.ts. */
  signed: boolean;
  /** Of the token that an AuthenticationPolicy accepted. */
  claims: Claims | undefined;
  /** The layer that decided without its state object, by its policy's declared fallback. */
  standIn: "breaker" | "health-check" | "rate-limit" | "concurrency" | "idempotency" | "identity" | undefined;
  /** A policy on dry run would have refused it. */
  wouldDeny: boolean;
  /** The answer is not what an upstream said to this call: it was kept, or is the one to another call. */
  stoodIn: "stale" | "collapsed" | undefined;
  /** A bypass held: limits, breakers, retries and their like did not. */
  bypassed: boolean;
  /** Changes the headers of whatever answers the call at last, be it the upstream's response or a denial. */
  onAnswer: ((headers: Headers) => void) | undefined;
  /** Shared by all copies of the call: what has become of it, whoever sent it. */
  readonly progress: { /** An upstream may have had it. */ sent: boolean };
  /** The upstream is declared to honour the call's key, which the mesh enforces: sent twice, it is carried out once. */
  covered: boolean;
  /** The call goes upstream once, whatever comes of it: it is a breaker's probe, or the fleet makes no retries for now. */
  once: boolean;
  /** Faults on purpose may be made: their error budget is not spent. */
  faulty: boolean;
  /** Backends, by index, that must get no copy of it: their policies do not admit it. Replaced, never changed. */
  unmirrored: readonly number[];
  /** What the next hop was told of retries, if anything: how many it may make. */
  passedOn: number | undefined;
  /** How many times the call was sent to its backend, and how many of these were copies that hedged. */
  attempts: number;
  hedges: number;
  readonly trace: Trace;
  /** Undefined where nothing is exported, and for what is no part of the request. */
  readonly recording: Recording | undefined;
  /** The id of the span that what is done now belongs to. */
  span: string;
  /** Where what is decided now is told; undefined unless an operator asked. */
  step: Step | undefined;
  /** The snapshot that this request is pinned to. */
  readonly pinned: Pointer;
  readonly outside: Outside;
};

/** The part that is used of a dataset of Workers Analytics Engine. It answers nothing, and waits for nothing. */
type Analytics = { readonly writeDataPoint: (point: DataPoint) => void };

/** Indices of a share in the rule and of an endpoint in its backend. */
export type Place = { readonly share?: number; readonly endpoint?: number };

export type Handler = (call: Call) => Promise<Response>;

/** A layer wraps what comes after it. */
export type Layer = (next: Handler) => Handler;

export type MakeLayer<K extends Policy["kind"]> = (policy: Extract<Policy, { kind: K }>) => Layer;

/**
 * Everything a layer may touch besides the call; made anew for each request, since stubs and `waitUntil` belong to one.
 * Tests pass their own.
 */
export type Outside = {
  /** Milliseconds since 1970. On the platform it moves only after I/O. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Whether requests are counted. */
  readonly counts: boolean;
  /** Where each is written besides, if the deployment has it. */
  readonly analytics: Analytics | undefined;
  /** Whether spans are exported, so that recording them has a point. */
  readonly exportsSpans: boolean;
  /** So many random bytes, in hexadecimal. */
  readonly newId: (bytes: 8 | 16) => string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** A local mesh: its services are on the machine itself. */
  readonly allowReserved: boolean;
  /** A service binding by name, if the deployment has it. */
  readonly binding: (name: string) => Fetcher | undefined;
  /** The transport that reaches an endpoint's origin with the Host kept, if the deployment has one for it. */
  readonly hostPreserving: (origin: string) => Fetcher | undefined;
  /** A fresh stub: one that has thrown stays broken. */
  readonly breaker: (circuit: string) => Pick<BreakerObject, "report" | "probe">;
  readonly rateLimit: (bucket: string) => Pick<RateLimitObject, "lease">;
  /** The isolate has so much to do that requests of low priority make room. */
  readonly isCrowded: () => boolean;
  readonly concurrency: (limit: string) => Pick<ConcurrencyObject, "lend">;
  /** The secret that the edges of this mesh share, or empty. */
  readonly meshKey: string;
  readonly idempotency: (shard: string) => Pick<IdempotencyObject, "begin" | "settle">;
  readonly answers: AnswerStore;
  readonly collector: () => Pick<CollectorObject, "mirrored">;
  readonly health: (object: string) => Pick<HealthObject, "ask">;
  /** Where this edge is, as endpoints name their zones; empty where it is not known. */
  readonly zone: string;
  /** What signs assertions to services; undefined while the mesh has no workload. */
  readonly edgeKey: () => Promise<EdgeKey | undefined>;
  /** What verifies that an operator may be told why. */
  readonly debugKeys: () => Promise<KeySet>;
  /** Has a line written to the log, once the answer is on its way. */
  readonly log: (line: string) => void;
  /** Work that outlives the response. */
  readonly later: (work: Promise<unknown>) => void;
  /** What the layers of this isolate remember between requests. */
  readonly memory: Memory;
  /** An object's reply named an epoch; a newer one than ours is worth a look. */
  readonly heard: (epoch: number) => void;
};

/** Thrown by whatever answers in the upstream's place; `proxy` alone catches it. */
export class Denied extends Error {
  readonly denial: Denial;
  constructor(denial: Denial) {
    super(denial.cause);
    this.denial = denial;
  }
}

/** `stack([a, b], inner)` is `a(b(inner))`: the first layer is the outermost. */
export const stack = (layers: readonly Layer[], inner: Handler): Handler =>
  layers.reduceRight((next, layer) => layer(next), inner);
