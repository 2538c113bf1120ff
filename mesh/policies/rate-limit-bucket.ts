/**
 * The object's side of a leased rate limit: one bucket, whose tokens and whose rate it lends to isolates before they spend
 * them. What becomes of doubtful tokens errs to one side only: they are lost, never spent twice.
 *
 * Three invariants hold after every message (r is the rate, B the burst; a lease has a rate rho and may hold `out` at most):
 *   I1  sum of rho <= r
 *   I2  level + sum of out <= B
 *   I3  level grows by r - sum of rho
 * Theorem. In every window (s, t): admitted <= B + r(t - s). Tokens spent in it were held at s (at most the sum of `out`), accrued
 * under leases (at most the integral of the sum of rho), or lent from the level (at most level(s) + the integral of I3). QED.
 *
 * Each lease has a term counted from when the isolate asked, by its clock, and from when the bucket heard, by its own: no
 * clocks are compared, only their rates (Gray & Cheriton 1989). A replaced lease counts until its holder names the new one.
 *
 * Its state is plain data, changed in place: one bucket has up to some thousand leases and takes hundreds of messages a second.
 */
import { addTo, type Flow, noFlow, perMsOf } from "./flow.ts";

/** What one bucket has to lend: a limit, or, in a region, what the limit's root has lent to it. */
export type Capacity = {
  /** Tokens a millisecond. */
  readonly perMs: number;
  readonly burst: number;
  /** Nothing is lent for longer. */
  readonly until: number;
  /** How much may be spent on credit, in all, before it is debited; 0 for a strict limit. */
  readonly credit: number;
  /** No credit lasts longer. */
  readonly creditUntil: number;
};

export type Bucket = {
  capacity: Capacity;
  /** Tokens free to lend as of `at`; below 0 while credit is being repaid. */
  level: number;
  at: number;
  readonly leases: Map<string, Lease>;
  /** Credit lent and not yet reported as spent, by holder. */
  readonly credits: Map<string, Credit>;
  /** Sums over the leases and the credits. */
  rho: number;
  out: number;
  credit: number;
  demand: number;
  /** No lease lapses before. */
  soonest: number;
  /** Nothing is lent before: an instance that this one has replaced may still be lending. */
  quietUntil: number;
  /** The water level: no holder's demand is met beyond it. Infinite while there is enough for all. */
  fair: number;
  fairUntil: number;
  /** Tokens asked for one by one. */
  readonly sparse: Flow;
  /** Tokens taken out of the level. */
  readonly taken: Flow;
};

/** `seen` of what the holder has ever spent on credit is debited. */
type Credit = { amount: number; until: number; readonly seen: number };

type Lease = {
  /** Counted against the bucket: the larger of what the holder had and what it was sent. */
  rho: number;
  out: number;
  until: number;
  demand: number;
  readonly seq: number;
  readonly reply: LeaseReply;
};

export type LeaseRequest = {
  /** Who will spend the tokens: a new name whenever an isolate begins to count anew. */
  readonly holder: string;
  /** Grows with every message of the holder; a repeated one gets the same answer. */
  readonly seq: number;
  /** The lease that it runs on: the message that brought it, and what that gave. All 0 when it has none, or it has lapsed. */
  readonly using: number;
  readonly rho: number;
  readonly depth: number;
  readonly credit: number;
  /** Tokens in hand. */
  readonly held: number;
  /** Spent on credit in all, and since the last report that was answered. */
  readonly spent: number;
  readonly debt: number;
  /** What it could use, in tokens a millisecond, and what one call costs on average. */
  readonly demand: number;
  readonly unit: number;
  /** Tokens that calls are waiting for, beyond those in hand. */
  readonly must: number;
  /** What it must be able to have in hand at once, if that is more than one isolate would: it lends in its turn. */
  readonly room: number;
};

export type LeaseReply =
  | {
      readonly kind: "lease";
      readonly tokens: number;
      /** Tokens accrue at this rate, a millisecond, up to `depth`: no more than that may be in hand. */
      readonly rho: number;
      readonly depth: number;
      readonly credit: number;
      /** Until so long after the message was sent, the credit for `creditMs`. */
      readonly forMs: number;
      readonly creditMs: number;
      /** When to renew. */
      readonly refreshMs: number;
      /** 0, or how long it makes no sense to ask for more. */
      readonly waitMs: number;
      /** More is wanted than there is. */
      readonly over: boolean;
      /** What this holder may go on with while the object is away, a millisecond. */
      readonly safe: number;
      /** There is less than is wanted only because what was lent before a restart is not known yet: as good as no word. */
      readonly relearning: boolean;
    }
  /** Go on with what you have. */
  | { readonly kind: "wait"; readonly waitMs: number; readonly relearning: boolean };

/** The messages that one object takes in a millisecond; with more holders than that, each renews less often. */
const MOST_CALLS = 0.4;
const REFRESH_MS = 1000;
const MOST_REFRESH_MS = 10_000;
/** A single token is spent when it comes. */
const SINGLE_MS = 500;
/** Less than two calls in a period are not worth a rate: each is given its token. */
const SPARSE_CALLS = 2;
/** Credit is lent to those who seldom call, too. */
export const CREDIT_MS = 30_000;
/** A clock may run slower by a percent, and an isolate's clock stands still between its I/O. */
export const graceMs = (forMs: number): number => Math.max(100, forMs / 50);
const FAIR_EVERY_MS = 200;
/** What others leased before a restart, as far as nobody has shown it. No holder has this name. */
export const UNSEEN = "";

export function fullBucket(capacity: Capacity, now: number): Bucket {
  return {
    capacity,
    level: capacity.burst,
    at: now,
    leases: new Map(),
    credits: new Map(),
    rho: 0,
    out: 0,
    credit: 0,
    demand: 0,
    soonest: Infinity,
    quietUntil: 0,
    fair: Infinity,
    fairUntil: 0,
    sparse: noFlow(now),
    taken: noFlow(now),
  };
}

/** Answers one message. Changes the bucket. */
export function lend(bucket: Bucket, message: LeaseRequest, now: number): LeaseReply {
  settle(bucket, now);
  const known = bucket.leases.get(message.holder);
  if (known && message.seq <= known.seq)
    return message.seq === known.seq ? known.reply : { kind: "wait", waitMs: REFRESH_MS, relearning: false };
  if (now < bucket.quietUntil) return { kind: "wait", waitMs: Math.ceil(bucket.quietUntil - now), relearning: true };
  const { capacity } = bucket;
  const count = bucket.leases.size + (known ? 0 : 1);
  const refreshMs = Math.min(MOST_REFRESH_MS, Math.max(REFRESH_MS, count / MOST_CALLS));
  const { demand, unit, must, room } = message;
  const isSparse = demand * refreshMs < SPARSE_CALLS * unit;
  const longest = isSparse ? SINGLE_MS : 2 * refreshMs + REFRESH_MS / 2;
  const forMs = Math.min(longest, Math.floor(capacity.until - now - graceMs(longest)));
  if (forMs <= 0) return { kind: "wait", waitMs: 100, relearning: false };

  const had = takeOut(bucket, message, known);
  const seen = bucket.credits.get(message.holder)?.seen;
  const owed = seen === undefined ? message.debt : Math.max(0, message.spent - seen);
  bucket.level -= owed;
  const held = Math.min(message.held, had.depth);
  if (isSparse) addTo(bucket.sparse, must, now);
  const steady = isSparse ? 0 : demand;
  bucket.demand += steady;
  const fair = fairShare(bucket, message, now);

  const creditMs = Math.min(CREDIT_MS, Math.floor(capacity.creditUntil - now - graceMs(CREDIT_MS)));
  const credit = creditMs > 0 ? lendCredit(bucket, message, creditMs, now) : 0;
  const free = Math.max(had.depth, capacity.burst - bucket.out);
  let rho = isSparse ? 0 : rateFor(bucket, demand, unit, had.rho, refreshMs, now);
  const wide = Math.min(
    Math.max(room, Math.ceil(100 * rho + 2 * Math.sqrt(1000 * rho * unit) + unit)),
    unit + (0.6 * capacity.burst * rho) / capacity.perMs,
    free,
  );
  // A bucket that cannot hold one call accrues for nothing.
  if (!(wide >= unit)) rho = 0;
  const most = rho > 0 ? wide : 0;
  const tokens = tokensFor(bucket, { held, most, isSparse, fair, demand, unit, must, count });
  const depth = Math.max(held + tokens, most);
  const out = Math.max(depth, had.depth);
  addTo(bucket.taken, tokens + owed, now);
  bucket.level = Math.min(bucket.level - tokens, Math.max(0, capacity.burst - bucket.out - out));

  const reserved = Math.max(rho, had.rho);
  const until = now + forMs + graceMs(forMs);
  bucket.rho += reserved;
  bucket.out += out;
  bucket.soonest = Math.min(bucket.soonest, until);
  const short = tokens < must || (tokens + rho === 0 && bucket.level < unit);
  const reply: LeaseReply = {
    kind: "lease",
    tokens,
    rho,
    depth,
    credit,
    forMs,
    creditMs: Math.max(0, creditMs),
    refreshMs,
    waitMs: short ? nextMs(bucket, unit, fair < Infinity ? count : 0, now) : 0,
    over: fair < Infinity,
    safe: (0.8 * capacity.perMs) / count,
    relearning: short && (bucket.leases.get(UNSEEN)?.out ?? 0) > 0,
  };
  bucket.leases.set(message.holder, { rho: reserved, out, until, demand: steady, seq: message.seq, reply });
  return reply;
}

/**
 * Takes the holder's lease out of the sums and tells what it had. Tokens that were sent to it and that it gave up waiting for
 * come back; after a restart, what it shows comes out of what nobody had shown.
 */
function takeOut(
  bucket: Bucket,
  { using, rho, depth }: LeaseRequest,
  known: Lease | undefined,
): { readonly rho: number; readonly depth: number } {
  const record = known ?? bucket.leases.get(UNSEEN);
  if (!record) return { rho: 0, depth: 0 };
  const had = { rho: Math.min(rho, record.rho), depth: Math.min(depth, record.out) };
  if (!known) {
    record.rho -= had.rho;
    record.out -= had.depth;
    bucket.rho -= had.rho;
    bucket.out -= had.depth;
    return had;
  }
  bucket.rho -= known.rho;
  bucket.out -= known.out;
  bucket.demand -= known.demand;
  if (using !== known.seq && known.reply.kind === "lease") {
    const room = Math.max(0, bucket.capacity.burst - bucket.out - had.depth);
    bucket.level = Math.min(bucket.level + known.reply.tokens, room);
  }
  return had;
}

/**
 * What may be spent before it is debited: all holders together the bucket's credit, less what is still owed. So a bounded limit
 * admits burst + credit + rate x window at most, and credit + burst + rate x time in all.
 */
function lendCredit(
  bucket: Bucket,
  { holder, credit: left, spent, demand, unit }: LeaseRequest,
  forMs: number,
  now: number,
): number {
  if (bucket.capacity.credit === 0) return 0;
  const known = bucket.credits.get(holder);
  const unseen = known ? undefined : bucket.credits.get(UNSEEN);
  const had = Math.min(left, (known ?? unseen)?.amount ?? 0);
  bucket.credit -= known?.amount ?? had;
  if (unseen) unseen.amount -= had;
  const pool = bucket.capacity.credit + Math.min(0, bucket.level) - bucket.credit;
  const credit = Math.floor(Math.max(0, Math.min(pool, Math.ceil(unit + 250 * demand))));
  // What it had left may have been spent while this is under way.
  const amount = Math.max(credit, had);
  bucket.credit += amount;
  bucket.credits.set(holder, { amount, until: now + forMs + graceMs(forMs), seen: spent });
  return credit;
}

function rateFor(bucket: Bucket, demand: number, unit: number, had: number, refreshMs: number, now: number): number {
  const { perMs } = bucket.capacity;
  const one = perMsOf(bucket.sparse, now);
  const load = Math.min(1, (bucket.demand + one) / perMs);
  const enough = bucket.fair === Infinity;
  const wanted = demand * (1 + 0.25 * (1 - load)) + (enough ? 0.5 * Math.sqrt((demand * unit) / refreshMs) : 0);
  // Room is left for those who ask for single tokens; a holder keeps what it had as long as that is fair.
  const free = 0.99 * perMs - 1.2 * one - bucket.rho;
  const keeps = Math.min(had, perMs - bucket.rho);
  return Math.max(0, Math.min(wanted, bucket.fair, Math.max(free, keeps)));
}

type Wish = {
  readonly held: number;
  readonly most: number;
  readonly isSparse: boolean;
  readonly fair: number;
  readonly demand: number;
  readonly unit: number;
  readonly must: number;
  readonly count: number;
};

/** Tokens at once: for the calls that wait, and to begin with. No holder gets most of what there is. */
function tokensFor(bucket: Bucket, { held, most, isSparse, fair, demand, unit, must, count }: Wish): number {
  const level = Math.max(0, bucket.level);
  if (isSparse) return must <= level ? must : Math.floor(level / unit) * unit;
  const share = demand > fair ? level / (4 * Math.sqrt(count)) : level / 2;
  let tokens = Math.max(must, Math.min(share, 0.7 * most - held + must));
  // A surplus that nobody else has asked for is handed out, or it would be lost when the bucket is full.
  if (demand >= 0.9 * fair) tokens = Math.max(tokens, (2 * (level - 0.1 * bucket.capacity.burst)) / count);
  const given = Math.max(0, Math.min(level, tokens));
  return given < unit && given < must ? 0 : given;
}

/**
 * The max-min fair share of what can be leased as a rate, by water-filling over the demands: those below it get all they
 * want, the others this much.
 */
function fairShare(bucket: Bucket, { holder: asking, demand: own }: LeaseRequest, now: number): number {
  if (now < bucket.fairUntil) return bucket.fair;
  bucket.fairUntil = now + FAIR_EVERY_MS;
  const available = 0.99 * bucket.capacity.perMs - 1.2 * perMsOf(bucket.sparse, now);
  if (bucket.demand <= 0.97 * available) return (bucket.fair = Infinity);
  const demands = [own];
  for (const [holder, { demand }] of bucket.leases) if (demand > 0 && holder !== asking) demands.push(demand);
  demands.sort((a, b) => a - b);
  let left = Math.max(0, available);
  for (const [index, demand] of demands.entries()) {
    const level = left / (demands.length - index);
    if (demand >= level) return (bucket.fair = level);
    left -= demand;
  }
  return (bucket.fair = Infinity);
}

/** When `amount` will be there, if no holder says a word until then; with `contenders`, when each will have had a turn. */
function nextMs(bucket: Bucket, amount: number, contenders: number, now: number): number {
  const { perMs, burst } = bucket.capacity;
  const lapse = bucket.soonest - now;
  const due = burst - bucket.out < amount ? lapse : (amount - bucket.level) / Math.max(0, perMs - bucket.rho);
  const turn = contenders > 1 ? Math.min(REFRESH_MS, (contenders * amount) / perMs) : 0;
  // Where rates are lent, they change hands with every renewal.
  return Math.ceil(Math.max(1, turn, bucket.rho > 0 ? Math.min(due, lapse, REFRESH_MS) : due));
}

/** Brings the bucket up to `now`. Lapsed leases are walked one by one: while they lasted, they took from the growth. */
export function settle(bucket: Bucket, now: number): void {
  if (now >= bucket.soonest) {
    const lapsed = [...bucket.leases].filter(([, { until }]) => until <= now);
    for (const [holder, lease] of lapsed.toSorted((a, b) => a[1].until - b[1].until)) {
      grow(bucket, lease.until);
      bucket.leases.delete(holder);
      bucket.rho -= lease.rho;
      bucket.out -= lease.out;
      bucket.demand -= lease.demand;
    }
    bucket.soonest = Infinity;
    for (const { until } of bucket.leases.values()) bucket.soonest = Math.min(bucket.soonest, until);
    // Sums of many floating-point numbers drift.
    if (bucket.leases.size === 0) bucket.rho = bucket.out = bucket.demand = 0;
  }
  for (const [holder, { amount, until }] of bucket.credits) {
    if (now < until) continue;
    // Nobody knows whether it was spent: it counts as spent.
    bucket.credits.delete(holder);
    bucket.credit -= amount;
    bucket.level -= amount;
  }
  grow(bucket, now);
}

function grow(bucket: Bucket, until: number): void {
  const { perMs, burst, until: end } = bucket.capacity;
  const time = Math.min(until, end) - bucket.at;
  if (time > 0) bucket.level += time * Math.max(0, perMs - bucket.rho);
  bucket.level = Math.min(bucket.level, Math.max(0, burst - bucket.out));
  bucket.at = Math.max(bucket.at, until);
}

/** A limit that was changed holds at once for what is lent from here on; leases that are out run to their end. */
export function resize(bucket: Bucket, capacity: Capacity, now: number): void {
  settle(bucket, now);
  const grown = Math.max(0, capacity.burst - bucket.capacity.burst);
  bucket.capacity = capacity;
  bucket.level = Math.min(bucket.level + grown, Math.max(0, capacity.burst - bucket.out));
  bucket.fairUntil = 0;
}
