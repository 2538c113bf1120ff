import { type Lines, newLines } from "./lines.ts";
import type { Limiter } from "../../mesh/policies/adaptive.ts";
import type { Group } from "../../mesh/policies/balance.ts";
import type { Breaker } from "../../mesh/policies/breaker.ts";
import type { Claims } from "../../mesh/policies/authorize-clause.ts";
import type { Jwk, KeySet } from "../../mesh/key-set.ts";
import type { PermitHolder } from "../../mesh/policies/concurrency-holder.ts";
import type { Pace } from "../../mesh/policies/hedge.ts";
import type { Holder } from "../../mesh/policies/rate-limit-holder.ts";
import type { Flight } from "../../mesh/policies/flight.ts";
import { newShelf, type Shelf } from "../../mesh/policies/shelf.ts";
import type { MirrorTally } from "../../mesh/telemetry/mirror-tally.ts";
import { newRecorder, type Recorder } from "../../mesh/telemetry/recorder.ts";
import { type ExportQueue, newExportQueue } from "../../mesh/telemetry/export-queue.ts";
import type { Tokens } from "../../mesh/policies/retry-budget.ts";

/** What the layers of one isolate remember between requests: plain data, lost with the isolate. */
export type Memory = {
  /** The isolate's own name among all isolates. */
  readonly id: string;
  /** The last number given: with `id` it names a message, a permit or a holder, once and for all. */
  seq: number;
  readonly circuits: Map<string, Circuit>;
  /** What active health checks found, by the object that makes them. */
  readonly health: Map<string, HealthView>;
  /** What was learnt of the endpoints of each group. */
  readonly groups: Map<string, Group>;
  /** Circuits that an operator holds open or closed, as the fleet object last told. */
  forced: ReadonlyMap<string, Forced>;
  /** Until then it is worth telling whose fault it is when a request's body breaks off. Milliseconds since 1970. */
  watchBodiesUntil: number;
  /** By bucket. */
  readonly holders: Map<string, Holder>;
  /** The number of the last reset of limits that was followed. */
  resetAt: number;
  /** By the name of the concurrency limit. */
  readonly permits: Map<string, PermitHolder>;
  /** By the name of the adaptive limit. */
  readonly limiters: Map<string, Limiter>;
  /** Tokens whose signature was good, by provider and text. */
  readonly tokens: Map<string, VerifiedToken>;
  /** What authorization and limits found, by policy and rule: how often since it was last written to the log, and when that was. */
  readonly findings: Map<string, { readonly count: number; readonly loggedAt: number }>;
  /** What signs assertions to services. */
  edgeKey: EdgeKey | undefined;
  /** Assertions by whom they are for and about; times in milliseconds since 1970. */
  readonly assertions: Map<string, { readonly token: string; readonly until: number }>;
  /** By which operators prove that they may ask why; not asked for before `askAt`, in milliseconds since 1970. */
  debugKeys: { readonly keys: KeySet; readonly askAt: number };
  /** Keys of token issuers, by the URL that they come from. */
  readonly keySets: Map<string, FetchedKeys>;
  readonly recorder: Recorder;
  /** What was recorded of requests, on its way to a collector of traces. */
  readonly hops: ExportQueue;
  /** Of the log, until they are written. */
  readonly lines: Lines;
  /** By backend. */
  readonly retries: Map<string, Retries>;
  /** How long answers take, by the scope of a hedge. */
  readonly paces: Map<string, Pace>;
  /** Claims of retries that were signed, by what was signed. */
  readonly claims: Map<string, string>;
  /** What came of copies since the collector was last told; and until when a request waits to tell it, in milliseconds since 1970. */
  readonly mirrors: { readonly tallies: Map<string, MirrorTally>; reporterUntil: number };
  /** Answers kept for when their upstream fails. */
  readonly shelf: Shelf;
  /** Requests whose answer others wait for, by what is asked. */
  readonly flights: Map<string, Flight>;
  /** Until when the upstream of a rule counts as failing. Milliseconds since 1970. */
  readonly failing: Map<string, number>;
};

/** `until` in milliseconds since 1970. */
export type EdgeKey = { readonly key: Jwk; readonly until: number };

type VerifiedToken = {
  readonly claims: Claims;
  /** Milliseconds since 1970. */
  readonly until: number;
};

/** All times in milliseconds since 1970. */
export type FetchedKeys = {
  /** Undefined while it was never had. */
  readonly jwks: KeySet | undefined;
  readonly fetchedAt: number;
  readonly triedAt: number;
  /** A fetch is under way; one that has not come back by then was cut off. */
  readonly fetchingUntil: number;
};

/** What this isolate's calls to a backend may still cost it. */
export type Retries = {
  held: Tokens;
  /** The backend said to leave it alone until then. Milliseconds since 1970. */
  heldUntil: number;
};

/** This isolate's view of one circuit. */
export type Circuit = {
  view: Breaker;
  /** The view is not closed because of this isolate's own calls; the fleet has not said so. */
  own: boolean;
  /** Failures since the last success. */
  consecutive: number;
  /** Of the newest of the fleet's states that was heard. */
  version: number;
  /** Calls that are not reported yet, when the first of them was counted, and when the oldest began. */
  unreported: {
    readonly ok: number;
    readonly failed: number;
    readonly slow: number;
    readonly since: number;
    readonly oldest: number;
  };
  /** No report before. */
  reportAt: number;
  /** By then it reports though all is well. */
  helloAt: number;
  /** Until then the fleet retries no call. Milliseconds since 1970. */
  onceUntil: number;
  /** The backend's Retry-After that is not told yet: until when. Milliseconds since 1970, or 0. */
  untoldHold: number;
  /** A request waits to send the next report; one that has not by then was cut off. */
  reporterUntil: number;
};

/** All times in milliseconds since 1970. */
export type HealthView = {
  /** Addresses. Replaced when there is news, never changed. */
  failing: ReadonlySet<string>;
  /** It counts until then. */
  until: number;
  /** No question before. */
  askAt: number;
  /** The last question was not answered. */
  missed: boolean;
};

/** Until then, on this isolate's clock. */
export type Forced = { readonly to: "open" | "closed"; readonly until: number };

/** How long a request waits for a state object, at most. */
export const STATE_TIMEOUT_MS = 250;

/** Keys come from callers, who can make up any number of them. */
const MOST_ENTRIES = 10_000;

export const newMemory = (id: string): Memory => ({
  id,
  seq: 0,
  circuits: new Map(),
  health: new Map(),
  groups: new Map(),
  forced: new Map(),
  watchBodiesUntil: 0,
  holders: new Map(),
  resetAt: 0,
  permits: new Map(),
  limiters: new Map(),
  tokens: new Map(),
  findings: new Map(),
  edgeKey: undefined,
  assertions: new Map(),
  debugKeys: { keys: { keys: [] }, askAt: 0 },
  keySets: new Map(),
  recorder: newRecorder(id),
  hops: newExportQueue(),
  lines: newLines(),
  retries: new Map(),
  claims: new Map(),
  paces: new Map(),
  mirrors: { tallies: new Map(), reporterUntil: 0 },
  shelf: newShelf(),
  flights: new Map(),
  failing: new Map(),
});

/** Sets `key`; a map that is full forgets its oldest. */
export function remember<T>(map: Map<string, T>, key: string, value: T, most = MOST_ENTRIES): T {
  if (map.size >= most && !map.has(key)) for (const oldest of map.keys()) if (map.delete(oldest)) break;
  map.set(key, value);
  return value;
}
