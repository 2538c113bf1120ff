/**
 * An isolate's side of a leased rate limit: what it holds of one bucket, and when to ask for more. It admits at once while
 * it holds tokens. One message is under way at a time, and the reply to one that was given up is never used.
 */
import type { LeaseReply, LeaseRequest, Limit } from "./rate-limit.ts";
import { LEASE_MS } from "./rate-limit.ts";

export type Holder = {
  readonly id: string;
  /** May be spent until `until`. */
  readonly tokens: number;
  readonly until: number;
  /** In all, since this holder began. */
  readonly spent: number;
  /** Of the last message sent. */
  readonly seq: number;
  /** Changes whenever tokens change hands: a token taken before is not to be given back after. */
  readonly turn: number;
  /** The message under way. One that has had no reply by `until` was cut off with its request. */
  readonly asking: { readonly at: number; readonly held: number; readonly until: number } | undefined;
  /** Not worth asking before: the bucket was empty, or its object did not answer. */
  readonly askAt: number;
  /** Messages without a reply since the last one with. */
  readonly failures: number;
  readonly peers: number;
  /** Calls that came in this lease period, and in the one before. */
  readonly demand: { readonly since: number; readonly calls: number; readonly before: number };
  /** The local bucket that stands in while the object is away. */
  readonly share: { readonly level: number; readonly at: number } | undefined;
};

/** Taken for the number of isolates as long as no reply has told. */
const UNTOLD_PEERS = 10;
/** Of its rate, what the isolates together take while they cannot ask: some of them were never counted. */
const SHARED = 0.8;
/** Low is what one round trip may use. */
const ROUND_TRIP_MS = 250;
const MAX_BACKOFF_MS = 4000;

export const newHolder = (id: string, now: number): Holder => ({
  id,
  tokens: 0,
  until: 0,
  spent: 0,
  seq: 0,
  turn: 0,
  asking: undefined,
  askAt: 0,
  failures: 0,
  peers: UNTOLD_PEERS,
  demand: { since: now, calls: 0, before: 0 },
  share: undefined,
});

/** A call came in, whether or not it will be admitted. */
export function arrive(holder: Holder, now: number): Holder {
  const { since, calls, before } = holder.demand;
  const age = now - since;
  if (age < LEASE_MS) return { ...holder, demand: { since, calls: calls + 1, before } };
  return { ...holder, demand: { since: now, calls: 1, before: age < 2 * LEASE_MS ? calls : 0 } };
}

/** With one token fewer, or undefined when none may be spent. */
export function spend(holder: Holder, now: number): Holder | undefined {
  if (holder.tokens < 1 || now >= holder.until) return undefined;
  return { ...holder, tokens: holder.tokens - 1, spent: holder.spent + 1 };
}

/**
 * Undoes a `spend` made in `turn`. Once a message has told of it, or a reply has replaced what was held, the token stays
 * spent: the bucket no longer counts it as out.
 */
export const giveBack = (holder: Holder, turn: number): Holder =>
  holder.turn === turn ? { ...holder, tokens: holder.tokens + 1, spent: holder.spent - 1 } : holder;

/** Whether the reply to a message may still come. */
export const isAsking = ({ asking }: Holder, now: number): boolean => asking !== undefined && now < asking.until;

/** Whether to ask ahead, before the tokens run out or lapse. A holder that uses one at a time would waste the second. */
export function isLow(holder: Holder, now: number): boolean {
  const want = wanted(holder);
  if (want < 2 || now < holder.askAt || isAsking(holder, now)) return false;
  return holder.tokens < want * (ROUND_TRIP_MS / LEASE_MS) || holder.until - now < ROUND_TRIP_MS;
}

/** The next message; its reply is awaited for `limitMs` at most. */
export function ask(
  holder: Holder,
  now: number,
  limitMs: number,
): { readonly holder: Holder; readonly message: LeaseRequest } {
  const held = now < holder.until ? holder.tokens : 0;
  const seq = holder.seq + 1;
  const asking = { at: now, held, until: now + limitMs };
  return {
    holder: { ...holder, tokens: held, seq, turn: holder.turn + 1, asking },
    message: { holder: holder.id, seq, spent: holder.spent, held, want: wanted(holder) },
  };
}

/** Takes the reply to message `seq`, unless that message has been given up. */
export function receive(holder: Holder, seq: number, reply: LeaseReply, now: number): Holder {
  const { asking } = holder;
  if (!asking || holder.seq !== seq) return holder;
  const spentMeanwhile = asking.held - holder.tokens;
  return {
    ...holder,
    tokens: reply.tokens + Math.max(0, reply.kept - spentMeanwhile),
    until: asking.at + reply.forMs,
    turn: holder.turn + 1,
    asking: undefined,
    askAt: now + reply.retryAfterMs,
    failures: 0,
    peers: reply.peers,
    share: undefined,
  };
}

/** Gives message `seq` up. The next one waits, with full jitter, for longer each time. `random` is 0 to 1. */
export function giveUp(holder: Holder, seq: number, now: number, random: number): Holder {
  if (!holder.asking || holder.seq !== seq) return holder;
  const backoff = random * Math.min(MAX_BACKOFF_MS, ROUND_TRIP_MS * 2 ** Math.min(holder.failures, 10));
  return { ...holder, asking: undefined, failures: holder.failures + 1, askAt: now + backoff };
}

/** One call out of this isolate's safe share of the limit; `retryAfterMs` is 0 when it is admitted. */
export function spendShare(
  holder: Holder,
  { requests, windowMs, burst }: Limit,
  now: number,
): { readonly holder: Holder; readonly retryAfterMs: number } {
  const part = SHARED / Math.max(1, holder.peers);
  const rate = (part * requests) / windowMs;
  const depth = Math.max(1, part * burst);
  const { level, at } = holder.share ?? { level: depth, at: now };
  const grown = Math.min(depth, level + rate * Math.max(0, now - at));
  if (grown < 1)
    return { holder: { ...holder, share: { level: grown, at: now } }, retryAfterMs: Math.ceil((1 - grown) / rate) };
  return { holder: { ...holder, share: { level: grown - 1, at: now } }, retryAfterMs: 0 };
}

/** Undoes a `spendShare` that admitted; what the object has replaced since is not touched. */
export const giveShareBack = (holder: Holder): Holder =>
  holder.share ? { ...holder, share: { ...holder.share, level: holder.share.level + 1 } } : holder;

const wanted = ({ demand: { calls, before } }: Holder): number => Math.max(1, calls, before);
