/**
 * The control API as its two ends see it: `workers/control` serves these shapes, `cli` asks for them.
 * All paths are under `/v1` and want `Authorization: Bearer <token>`; refusals are `application/problem+json` (`ApiProblem`).
 */
import type { MirrorTally } from "./telemetry/mirror-tally.ts";
import type { BucketUse } from "./limits.ts";
import type { Problem } from "./problem.ts";
import type { Resource } from "./resources/resource.ts";
import type { Role } from "./role.ts";
import type { Group } from "./telemetry/query.ts";

/** A YAML file as text; `name` is what problems are reported against. */
export type SourceFile = { readonly name: string; readonly text: string };

/** `POST /v1/apply`, with `If-Match: "<epoch>"` to refuse anything but that base. */
export type ApplyRequest = {
  readonly files: readonly SourceFile[];
  /** Delete what an earlier apply brought and these files no longer have. */
  readonly prune?: boolean;
  /** Answer as if applied; change nothing. */
  readonly dryRun?: boolean;
  readonly message?: string;
  readonly author?: string;
};

/** `POST /v1/delete` */
export type DeleteRequest = {
  readonly refs: readonly ResourceRef[];
  readonly dryRun?: boolean;
  readonly message?: string;
  readonly author?: string;
};

/** `POST /v1/rollback`: the resources of epoch `to` become a new epoch. */
export type RollbackRequest = {
  readonly to: number;
  readonly dryRun?: boolean;
  readonly message?: string;
  readonly author?: string;
};

export type ResourceRef = { readonly kind: string; readonly namespace?: string; readonly name: string };

/** What apply, delete and rollback answer. `epoch` is the one in force afterwards. */
export type ChangeResponse = {
  readonly epoch: number;
  readonly hash: string;
  /** False when nothing differed: a success that made no epoch. */
  readonly changed: boolean;
  readonly results: readonly ChangeResult[];
  /** Warnings; a request with an error answers 422 instead. */
  readonly problems: readonly Problem[];
};

export type ChangeResult = ResourceRef & {
  readonly action: "created" | "configured" | "unchanged" | "deleted";
  /** The resource before and after, on a dry run only. */
  readonly before?: Resource;
  readonly after?: Resource;
};

/**
 * `GET /v1/resources?kind=&namespace=&name=` (each optional; kind by its exact name). Each item with its `status`, where its
 * kind has one; the built-in GatewayClass where `kind` asks for classes.
 */
export type ResourcesResponse = { readonly epoch: number; readonly items: readonly Resource[] };

/** `GET /v1/history?limit=&before=` newest first; `before` an epoch, to turn the page. */
export type HistoryResponse = { readonly items: readonly HistoryEntry[] };
export type HistoryEntry = {
  readonly epoch: number;
  readonly hash: string;
  readonly author: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly created: number;
  readonly configured: number;
  readonly deleted: number;
};

/** `GET /v1/audit`, newest first: every change that was asked of control, and every attempt that was not let in. */
export type AuditResponse = { readonly items: readonly AuditEntry[] };
export type AuditEntry = {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The token's name, with what its holder calls itself; empty for who had none that is known. */
  readonly who: string;
  readonly role: Role | "";
  /** The last part of the route's path: `apply`, `tokens/revoke`. Empty where nobody was let in to say. */
  readonly action: string;
  /** `begun`: control did not live to say what became of it. `refused`: for what it said; `denied`: for who asked. */
  readonly outcome: "done" | "refused" | "failed" | "begun" | "denied";
  readonly status: number | null;
  /** The one that it made. */
  readonly epoch: number | null;
  /** How many attempts this stands for. */
  readonly count: number;
  readonly detail: Readonly<Record<string, unknown>>;
};

/** `GET /v1/changes?epoch=N`: what the epoch changed. A resource is null where there was or is none. */
export type ChangesResponse = {
  readonly epoch: number;
  readonly items: readonly { readonly before: Resource | null; readonly after: Resource | null }[];
};

/** `GET /v1/edges`: the isolates that reported in within the last minute. */
export type EdgesResponse = { readonly epoch: number; readonly hash: string; readonly edges: readonly EdgeStatus[] };
export type EdgeStatus = EdgeReport & {
  /** Milliseconds since this edge last reported in. */
  readonly ageMs: number;
};

/** `GET /v1/breakers`: every circuit of the snapshot in force, by name: breakers, and error budgets of faults. */
export type BreakersResponse = { readonly epoch: number; readonly items: readonly BreakerStatus[] };
export type BreakerStatus = {
  /** A `fault-budget` that is open was spent: its faults are over. */
  readonly kind: "breaker" | "fault-budget";
  readonly circuit: string;
  /** As the fleet's object has it; `unknown` when the object did not answer. */
  readonly state: "closed" | "open" | "half-open" | "unknown";
  /** How long until a probe may go; only of a breaker that is not closed. */
  readonly forMs?: number;
  /** How often in a row it opened; only while it is not closed, or ramps up. */
  readonly trips?: number;
  /** How long ago it closed, while it still ramps up. */
  readonly closedMs?: number;
  /** How many isolates the object has lately heard of; absent when it did not answer. */
  readonly callers?: number;
  /** Isolates that are open by themselves while the fleet's circuit is closed; absent for none. `edge` is empty where it is not known. */
  readonly openIn?: readonly { readonly isolate: string; readonly edge: string }[];
  /** An operator's word goes before the circuit's own. */
  readonly held?: { readonly to: "open" | "closed"; readonly forMs: number };
};

/** `GET /v1/mirrors`; `missing` collectors did not answer, and what they know is not in it. */
export type MirrorsResponse = { readonly items: readonly MirrorTally[]; readonly missing: number };

/** `POST /v1/breakers`: edges hear of it when they next check in. A `forMs` of 0 lets go. */
export type Hold = { readonly circuit: string; readonly to: "open" | "closed"; readonly forMs: number };

/** `GET /v1/limits`: the buckets that edges have most to do with, those that refuse most first; of limits without a key all. */
export type LimitsResponse = { readonly epoch: number; readonly items: readonly LimitStatus[] };
export type LimitStatus = {
  /** `namespace/policy/limit` */
  readonly limit: string;
  /** Its values as a JSON list, or `sha256:` and a hash of one that is long. */
  readonly key: string;
  readonly mode: "strict" | "bounded" | "local";
  readonly dryRun?: true;
  /** So much in so many milliseconds, and so much at once. */
  readonly per: number;
  readonly windowMs: number;
  readonly burst: number;
  /** What is left to lend, below 0 while credit is repaid; absent where the object did not answer, or none is asked. */
  readonly level?: number;
  /** What may be in isolates' hands at most, and in how many. */
  readonly lent?: number;
  readonly leases?: number;
  /** A second, by what edges said when they last checked in: of what the limit counts, and calls. */
  readonly wanted: number;
  readonly refused: number;
};

/** `POST /v1/limits/reset` with `{name}`, of a policy, a limit or a bucket: how many buckets were filled up. */
export type ResetResponse = { readonly buckets: number };

/** What an edge isolate says of itself when it checks in. */
export type EdgeReport = {
  /** Random per isolate. */
  readonly id: string;
  /** The deployment's name: `edge`, or what the operator called it. */
  readonly name: string;
  readonly colo: string;
  /** What it serves, as its var SCOPE says it; absent for everything. */
  readonly scope?: string;
  /** 0 while it has no snapshot. */
  readonly epoch: number;
  readonly hash: string;
  /** Where the snapshot in force came from. Anything but `kv` means that the edge lives on what it kept. */
  readonly source: SnapshotSource;
  /** Whether it takes signed snapshots alone. Absent from edges of before there were signatures. */
  readonly verifies?: boolean;
  /** The newest snapshot it refused, and why; absent when none is refused. */
  readonly nack?: { readonly epoch: number; readonly hash: string; readonly reason: string };
  /** The buckets of limits that it has most to do with, if any. */
  readonly limits?: readonly BucketUse[];
};

/** What a check-in answers besides the pointer, where there is something to say. */
export type CheckInReply = SignedPointer & {
  readonly holds?: readonly Hold[];
  /** Names of what operators have reset, with numbers that grow. */
  readonly resets?: readonly Reset[];
};
export type Reset = { readonly at: number; readonly name: string };
export type SnapshotSource = "kv" | "cache" | "bundle" | "none";

/** Which snapshot is in force. The KV pointer's value, and what every state object's reply can carry. */
export type Pointer = { readonly epoch: number; readonly hash: string };

/** With a detached JWS (RFC 7515, appendix F) of epoch and hash, which edges with SNAPSHOT_KEYS insist on. */
export type SignedPointer = Pointer & { readonly signature?: string };

/** `GET /v1/snapshot`: the snapshot in force as KV has it (published.ts), in base64; shards by their hashes. */
export type SnapshotResponse = SignedPointer & {
  readonly manifest: string;
  readonly shards: Readonly<Record<string, string>>;
};

/**
 * `POST /v1/publish`: what was missing, corrupt or old in KV and has been written again; `epoch` when the log had to go on above
 * epochs that it has lost.
 */
export type PublishResponse = Pointer & { readonly mended: readonly ("epoch" | "snapshot" | "pointer")[] };

/**
 * `GET /v1/metrics?from=&to=&step=&by=callee,class`: times in seconds since 1970, or `last=60`. `step` may come back longer than it was
 * asked for. With `callee=shop/cart`, or any other that can be grouped by, only calls that are so. `missing` is how many collectors did not answer.
 */
export type MetricsResponse = {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly groups: readonly Group[];
  readonly missing: number;
};

/** `GET /v1/session` */
export type SessionResponse = { readonly open: boolean };

/** `POST /v1/sign-in`: `POST /session {"code"}` opens the caller's session in a browser, once. */
export type SignInResponse = { readonly code: string; readonly expiresInMs: number };

/** `GET /v1/check` */
export type CheckResponse = { readonly checks: readonly Check[] };
export type Check = {
  readonly category: string;
  readonly description: string;
  readonly result: "success" | "warning" | "error";
  readonly error?: string;
  readonly hint?: string;
};

/** `GET /v1/identity/workloads` */
export type WorkloadsResponse = { readonly trustDomain: string; readonly items: readonly Workload[] };
export type Workload = {
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly revoked?: number;
};

/** `POST /v1/identity/workloads` and `…/renew`, with `{namespace, name}`: the bootstrap secret, which is shown this once. */
export type SecretResponse = { readonly secret: string };

/** `POST /v1/identity/token`, with the bootstrap secret in place of an operator's token. */
export type TokenResponse = { readonly token: string; readonly expiresInSeconds: number };

/** `POST /v1/debug`: with `token` as the header `selvedge-debug`, an edge says in `selvedge-explanation` why it did what it did. */
export type DebugResponse = { readonly token: string; readonly expiresInSeconds: number };

/** `GET /v1/tokens`; `POST /v1/tokens` with `{name, role, expiresInMs?}` answers a SecretResponse, `POST /v1/tokens/revoke` takes `{name}`. */
export type ApiTokensResponse = { readonly items: readonly ApiToken[] };
export type ApiToken = {
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since 1970, as `expires`. */
  readonly created: number;
  readonly expires?: number;
};

/** RFC 9457. `problems` on 422, `epoch` (the one in force) on 412. */
export type ApiProblem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code:
    | "unauthorized"
    | "too-many-guesses"
    | "forbidden"
    | "not-found"
    | "invalid-request"
    | "invalid-configuration"
    | "epoch-mismatch"
    | "too-large"
    | "unavailable"
    | "internal";
  readonly detail?: string;
  readonly problems?: readonly Problem[];
  readonly epoch?: number;
};
