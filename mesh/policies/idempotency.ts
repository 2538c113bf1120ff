/**
 * Runs a request once for its key (draft-ietf-httpapi-idempotency-key-header), whatever is lost on the way: of one key at most one
 * execution runs at any time, and after one whose outcome nobody knows there is none again, unless the upstream is declared to
 * honour the key itself. The object keeps one row a key; these are the row's decisions.
 */

export type Idempotency = {
  /** `namespace/name` of the policy; with a number below `shards` it names the object. */
  readonly policy: string;
  readonly shards: number;
  /** The route: a key of one means nothing to another. */
  readonly scope: string;
  /** In lower case, like all header names here. */
  readonly header: string;
  readonly required: boolean;
  readonly methods: readonly string[];
  /** Headers that tell callers apart where the mesh has not verified who calls. */
  readonly caller: readonly string[];
  /** Statuses by which the upstream says that it has done nothing: the key is free again. */
  readonly unprocessed: readonly number[];
  /** The upstream honours the key: the same request may be sent to it again. */
  readonly repeatable: boolean;
  /** An execution that takes longer is given up, and its outcome unknown. */
  readonly executionMs: number;
  readonly retentionMs: number;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly onUnavailable: "deny" | "allow";
};

/** What is known of a key until `expires`. Times are the object's. */
export type Row = {
  /** Of the request that had the key first. */
  readonly fingerprint: string;
  readonly expires: number;
} & (
  | ({
      readonly kind: "running";
      /** The executor is dead if it has not settled by then. */ readonly until: number;
    } & Execution)
  | ({ readonly kind: "unknown" } & Execution)
  | { readonly kind: "done"; readonly stored: Stored }
);

/** `owner` is the one call that may settle it; `attempt` counts from 1. */
type Execution = { readonly owner: string; readonly attempt: number };

/** The upstream's answer; without headers it was too large to keep. The body is kept beside the row. */
export type Stored = {
  readonly status: number;
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
};

export type Begin = {
  readonly fingerprint: string;
  /** A name of this call's own: a message that arrives twice begins one execution. */
  readonly owner: string;
  readonly executionMs: number;
  readonly retentionMs: number;
  readonly repeatable: boolean;
};

export type BeginReply =
  | { readonly kind: "run"; readonly attempt: number }
  | { readonly kind: "in-flight"; readonly retryAfterMs: number }
  | { readonly kind: "mismatch" }
  | { readonly kind: "unknown" }
  | { readonly kind: "done"; readonly stored: Stored };

/** How an execution ended. `released`: the upstream provably has done nothing. */
export type Settled =
  | { readonly kind: "done"; readonly stored: Stored }
  | { readonly kind: "unknown" }
  | { readonly kind: "released" };

/**
 * How much longer than the executor the object waits: for the message to begin, the one that settles, and a clock that runs
 * slower or stands still between I/O.
 */
export const SETTLE_MS = 10_000;
/** When a duplicate of a running call may ask again, at the latest: most calls are over by then. */
const ASK_AGAIN_MS = 1000;

export function begin(
  before: Row | undefined,
  { fingerprint, owner, executionMs, retentionMs, repeatable }: Begin,
  now: number,
): { readonly row: Row; readonly reply: BeginReply } {
  const known = before && now < before.expires ? lapse(before, now) : undefined;
  const run = (attempt: number) => {
    const until = now + executionMs + SETTLE_MS;
    const row: Row = {
      kind: "running",
      fingerprint,
      owner,
      attempt,
      until,
      expires: Math.max(now + retentionMs, until),
    };
    return { row, reply: { kind: "run", attempt } as const };
  };
  if (!known) return run(1);
  if (known.fingerprint !== fingerprint) return { row: known, reply: { kind: "mismatch" } };
  switch (known.kind) {
    case "running":
      if (known.owner === owner) return { row: known, reply: { kind: "run", attempt: known.attempt } };
      return { row: known, reply: { kind: "in-flight", retryAfterMs: Math.min(known.until - now, ASK_AGAIN_MS) } };
    case "unknown":
      return repeatable ? run(known.attempt + 1) : { row: known, reply: { kind: "unknown" } };
    case "done":
      return { row: known, reply: { kind: "done", stored: known.stored } };
  }
}

/**
 * The row once `owner` has settled its execution; undefined when nothing is known of the key any more. An owner that another
 * has followed, or whose row has gone, changes nothing; one that is merely late still says what became of it.
 */
export function settle(
  before: Row | undefined,
  owner: string,
  settled: Settled,
  retentionMs: number,
  now: number,
): Row | undefined {
  if (!before || before.kind === "done" || before.owner !== owner) return before;
  const { fingerprint, attempt } = before;
  const expires = Math.max(before.expires, now + retentionMs);
  if (settled.kind === "done") return { kind: "done", fingerprint, expires, stored: settled.stored };
  // That this attempt did nothing says nothing of the one before.
  if (settled.kind === "released" && attempt === 1) return undefined;
  return { kind: "unknown", fingerprint, expires, owner, attempt };
}

/** An execution whose time is over has an unknown outcome. */
function lapse(row: Row, now: number): Row {
  if (row.kind !== "running" || now < row.until) return row;
  const { fingerprint, expires, owner, attempt } = row;
  return { kind: "unknown", fingerprint, expires, owner, attempt };
}

/** Characters. */
const LONGEST_KEY = 255;
/** RFC 9651 §3.3.3, with parameters that mean nothing here. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])+)"(?: *;.*)?$/;
/** What many clients send instead: the same text without its quotes. */
const BARE = /^[!#-+\--:<-[\]-~]+$/;

/** The key that a header's value names, or undefined when it names none. Quoted or bare, the same text is the same key. */
export function keyIn(value: string): string | undefined {
  const text = value.trim();
  const quoted = QUOTED.exec(text)?.[1]?.replaceAll(/\\(.)/g, "$1");
  const key = quoted ?? (BARE.test(text) ? text : undefined);
  return key !== undefined && key.length <= LONGEST_KEY ? key : undefined;
}

/** The number, below `shards`, of the object that keeps the key whose digest this is. */
export const shardOf = (digest: Uint8Array, shards: number): number =>
  new DataView(digest.buffer, digest.byteOffset).getUint32(0) % shards;
