/**
 * A limit on the calls that the whole fleet has under way at once. The object lends permits before isolates use them, and
 * one that it has not provably got back stays lent until it lapses. So permits in use never exceed the limit, whatever is
 * lost, repeated, killed or restarted; what becomes of doubtful permits errs to one side: for a while nobody has them.
 *
 * Proof. An isolate begins no more calls than it holds permits, and no call that could outlast its lease: calls are cut off
 * after `longestCallMs`. The object counts for each isolate at least what that one may hold: an isolate lets go of what it
 * does not keep before it says so, takes new ones only from the reply, and counts its lease from when it asked; the object
 * counts from when it heard, and longer. New permits are lent only within the limit less all that is counted.
 */

/** Says how many, and for how long one may be used: after that the call is cut off. */
export type Concurrency = {
  readonly limit: number;
  readonly longestCallMs: number;
  readonly onUnavailable: "share" | "deny" | "allow";
};

export type Permits = {
  /** By holder. */
  readonly out: Readonly<Record<string, Loan>>;
};

type Loan = {
  /** The most that the holder can have; 0 for one that got none and is waiting for some. */
  readonly permits: number;
  readonly until: number;
  readonly at: number;
  /** Of the message that this answered. */
  readonly seq: number;
  readonly reply: PermitReply;
};

export type PermitRequest = {
  /** Who will use the permits: a new name whenever an isolate begins to count anew. */
  readonly holder: string;
  /** Grows with every message of the holder. */
  readonly seq: number;
  /** The holder has let go of all permits but these. */
  readonly keep: number;
  /** How many more it could use; 0 when it only gives back, or asks for more time. */
  readonly want: number;
};

export type PermitReply = {
  readonly granted: number;
  /** At most `keep`; 0 when the lease had lapsed. */
  readonly kept: number;
  /** The lease lasts until this long after the message was sent. */
  readonly forMs: number;
  /** Permits that are not in use should come back at once. */
  readonly scarce: boolean;
  /** More than this the holder should not use: its fair share while others wait for theirs, otherwise the limit. */
  readonly most: number;
  /** 0 unless fewer were granted than wanted; otherwise when it makes sense to ask again. */
  readonly retryAfterMs: number;
  /** Isolates that hold permits or wait for some, this one among them. */
  readonly peers: number;
};

/** For so long after asking may calls begin. */
export const TERM_MS = 10_000;
/** How long an isolate that got nothing counts as waiting. */
const WAITING_MS = 2000;
const RETRY_MS = 100;
/** When less than this share of the limit is free, permits are scarce. */
const SCARCE = 0.25;

export const NONE_OUT: Permits = { out: {} };

/** How long the object counts a lease: a clock may run slower by a percent, and an isolate's stands still between its I/O. */
const countedMs = (forMs: number): number => forMs * 1.02 + 1000;

/** Takes back what the holder does not keep, and lends up to `want`: what is free, and in plenty no more than half of that. */
export function lend(
  before: Permits,
  { holder, seq, keep, want }: PermitRequest,
  { limit, longestCallMs }: Pick<Concurrency, "limit" | "longestCallMs">,
  now: number,
): { readonly state: Permits; readonly reply: PermitReply } {
  const live = Object.entries(before.out).filter(([, { until }]) => now < until);
  const known = live.find(([name]) => name === holder)?.[1];
  if (known && seq <= known.seq)
    return { state: before, reply: seq === known.seq ? known.reply : { ...known.reply, granted: 0, kept: 0 } };
  const others = live.filter(([name]) => name !== holder);
  const lent = others.reduce((sum, [, { permits }]) => sum + permits, 0);
  const kept = Math.min(keep, known?.permits ?? 0);
  const free = Math.max(0, limit - lent - kept);
  const scarce = free - want < limit * SCARCE;
  const peers = others.length + 1;
  const share = Math.max(1, Math.floor(limit / peers));
  const contended = scarce && others.some(([, loan]) => isWaiting(loan, now) && loan.permits < share);
  const most = contended ? share : limit;
  const granted = Math.min(want, scarce ? Math.max(0, Math.min(free, most - kept)) : Math.ceil(free / 2));
  const forMs = longestCallMs + TERM_MS;
  const retryAfterMs = granted < want ? RETRY_MS : 0;
  const reply: PermitReply = { granted, kept, forMs, scarce, most, retryAfterMs, peers };
  const permits = kept + granted;
  if (permits === 0 && want === 0) return { state: { out: Object.fromEntries(others) }, reply };
  // Not earlier than before: a call may have begun when calls could last longer.
  const until = Math.max(known?.until ?? 0, now + (permits > 0 ? countedMs(forMs) : WAITING_MS));
  return { state: { out: Object.fromEntries([...others, [holder, { permits, until, at: now, seq, reply }]]) }, reply };
}

const isWaiting = ({ at, reply }: Loan, now: number): boolean => reply.retryAfterMs > 0 && now - at < WAITING_MS;

/** Whether nothing would be lost by forgetting everything. */
export const isUnused = ({ out }: Permits, now: number): boolean =>
  Object.values(out).every(({ until }) => until <= now);
