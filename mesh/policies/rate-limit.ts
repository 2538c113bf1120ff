/**
 * A rate limit that holds to the token over the whole fleet while nearly every decision is local. The object's bucket
 * debits tokens before an isolate spends them, and counts what each isolate may still hold against its depth. So, for
 * any window: admitted <= burst + rate x window, whatever is lost, repeated or restarted. What becomes of doubtful
 * tokens errs to one side only: they are lost, never spent twice.
 *
 * Proof. Let P be the bucket's level plus all tokens out. P never exceeds burst; it grows by rate alone, since a lease
 * moves tokens from level to out and a return moves them back; every token spent was in P and leaves it. What is spent
 * in a window is therefore at most P at its start, plus rate x window.
 */

/** One named limit. A bucket of depth `burst` that refills by `requests` every `windowMs`; one bucket for each key. */
export type RateLimit = {
  /** `namespace/policy/limit`: with the key's values it names the bucket's object. */
  readonly name: string;
  readonly key: readonly KeyPart[];
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly onUnavailable: "share" | "deny" | "allow";
};

export type KeyPart = { readonly type: "ClientAddress" } | { readonly type: "Header"; readonly name: string };

/** `requests` every `windowMs`, at most `burst` at once. */
export type Limit = Pick<RateLimit, "requests" | "windowMs" | "burst">;

/** An isolate counts a lease from when it asked. */
export const LEASE_MS = 1000;
/**
 * The bucket counts it from when it heard, and this much longer: a clock may run slower by a percent, and an isolate's
 * clock stands still between its I/O.
 */
const GRACE_MS = 100;

export type Bucket = {
  /** By which the level was last computed. */
  readonly limit: Limit;
  /** Tokens free to lease, as of `at`. */
  readonly level: number;
  readonly at: number;
  /** By holder. */
  readonly out: Readonly<Record<string, Lease>>;
};

type Lease = {
  /** The most that the holder can still spend. */
  readonly tokens: number;
  readonly until: number;
  /** Of the message that this answered, with the holder's count of tokens spent by then. */
  readonly seq: number;
  readonly spent: number;
  readonly reply: LeaseReply;
};

export type LeaseRequest = {
  /** Who will spend the tokens: a new name whenever an isolate begins to count anew. */
  readonly holder: string;
  /** Grows with every message of the holder. */
  readonly seq: number;
  /** Tokens spent in all, and tokens in hand and not yet lapsed. */
  readonly spent: number;
  readonly held: number;
  /** How many more the holder could use; at least 1. */
  readonly want: number;
};

export type LeaseReply = {
  /** New tokens, whole. */
  readonly tokens: number;
  /** How many of the tokens in hand go on to count; at most `held`. */
  readonly kept: number;
  /** New and kept tokens may be spent until this long after the message was sent. */
  readonly forMs: number;
  /** 0 with new tokens; otherwise when it makes sense to ask again. */
  readonly retryAfterMs: number;
  /** Isolates that hold a lease, this one among them. */
  readonly peers: number;
};

export const full = (limit: Limit, now: number): Bucket => ({ limit, level: limit.burst, at: now, out: {} });

/**
 * Leases up to `want` tokens, at most half of what there is unless that is less than one. What the holder was given and
 * has neither spent nor in hand goes back into the bucket. A repeated message gets the first one's reply, one that was
 * overtaken by its successor gets nothing; neither changes the bucket.
 */
export function lease(
  before: Bucket,
  { holder, seq, spent, held, want }: LeaseRequest,
  limit: Limit,
  now: number,
): { readonly state: Bucket; readonly reply: LeaseReply } {
  const known = before.out[holder];
  if (known && now < known.until && seq <= known.seq) {
    const overtaken = { ...known.reply, tokens: 0, kept: 0, retryAfterMs: LEASE_MS };
    return { state: before, reply: seq === known.seq ? known.reply : overtaken };
  }
  const bucket = refill(before, limit, now);
  const mine = bucket.out[holder];
  const owed = mine ? Math.max(0, mine.tokens - Math.max(0, spent - mine.spent)) : 0;
  const kept = Math.min(held, owed);
  const others = Object.values(bucket.out).filter((other) => other !== mine);
  const room = Math.max(0, limit.burst - sum(others) - kept);
  const level = Math.min(room, bucket.level + owed - kept);
  const whole = Math.floor(level);
  const tokens = Math.min(Math.max(1, Math.floor(want)), whole > 1 ? Math.floor(whole / 2) : whole);
  const term = { tokens: kept + tokens, until: now + LEASE_MS + GRACE_MS };
  const reply = {
    tokens,
    kept,
    forMs: LEASE_MS,
    retryAfterMs: tokens > 0 ? 0 : nextTokenMs(level, [...others, term], limit, now),
    peers: others.length + 1,
  };
  const out = { ...bucket.out, [holder]: { ...term, seq, spent, reply } };
  return { state: { ...bucket, level: level - tokens, out }, reply };
}

/** Whether nothing would be lost by forgetting the bucket: it is full again and no tokens are out. */
export function isFull(bucket: Bucket, now: number): boolean {
  const { level, limit, out } = refill(bucket, bucket.limit, now);
  return level >= limit.burst && Object.keys(out).length === 0;
}

/** The bucket as of now. Lapsed leases are walked one by one: while tokens were out, they took room from the refill. */
function refill({ level, at, out, limit: old }: Bucket, limit: Limit, now: number): Bucket {
  const lapsed = byEnd(Object.values(out).filter(({ until }) => until <= now));
  let room = old.burst - sum(Object.values(out));
  let time = at;
  let grown = level;
  const growUntil = (end: number): void => {
    grown = Math.min(Math.max(0, room), grown + perMs(old) * Math.max(0, end - time));
    time = Math.max(time, end);
  };
  for (const { tokens, until } of lapsed) {
    growUntil(until);
    room += tokens;
  }
  growUntil(now);
  const live = Object.fromEntries(Object.entries(out).filter(([, { until }]) => now < until));
  return { limit, level: grown, at: time, out: live };
}

/** How long until there is a whole token to lease, in whole milliseconds, if no holder says a word until then. */
function nextTokenMs(level: number, leases: readonly Term[], limit: Limit, now: number): number {
  let room = limit.burst - sum(leases);
  let time = now;
  let grown = level;
  for (const { tokens, until } of byEnd(leases)) {
    const ready = time + (1 - grown) / perMs(limit);
    if (room >= 1 && ready <= until) return Math.ceil(ready - now);
    grown = Math.min(Math.max(0, room), grown + perMs(limit) * (until - time));
    room += tokens;
    time = until;
  }
  return Math.ceil(time + (1 - grown) / perMs(limit) - now);
}

type Term = Pick<Lease, "tokens" | "until">;

const byEnd = <T extends Term>(leases: readonly T[]): readonly T[] => leases.toSorted((a, b) => a.until - b.until);
const sum = (leases: readonly Term[]): number => leases.reduce((total, { tokens }) => total + tokens, 0);
const perMs = ({ requests, windowMs }: Limit): number => requests / windowMs;
