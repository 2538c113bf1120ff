/**
 * An isolate's side of a concurrency limit: the permits that it holds, the calls that use them, and when to ask for more or
 * to give some back. It keeps a small reserve, sized by the calls that it lately had at once, while there are plenty.
 */
import { type PermitReply, type PermitRequest, TERM_MS } from "./concurrency.ts";

/** Changed in place: it is touched twice for every call. */
export type PermitHolder = {
  readonly id: string;
  permits: number;
  /** When the lease ends: every call is over by then. */
  until: number;
  /** When each call will be over at the latest, by its number: one whose caller left may never be heard of again. */
  readonly calls: Map<number, number>;
  /** The object's last word: what is not in use should go back, and no more than `most` should be in use. */
  scarce: boolean;
  most: number;
  peers: number;
  seq: number;
  /** A message under way; one without a reply by then was cut off with its request. */
  askingUntil: number;
  /** Not worth asking for more before. */
  askAt: number;
  failures: number;
  /** Calls that found no permit since the last message. */
  missed: number;
  /** Most calls at once in this period, and in the one before. */
  demand: { readonly since: number; readonly peak: number; readonly before: number };
  /** When the last call ended of those under way at once. */
  idleSince: number;
  /** A request waits to give permits back; one that has not by then was cut off. */
  returningUntil: number;
};

const DEMAND_MS = 5000;
/** An isolate without calls for so long gives everything back: soon it may not run at all. */
const IDLE_MS = 5000;
/** Permits that come free while they are scarce are given back together, after so long. */
const GATHER_MS = 100;
const MAX_BACKOFF_MS = 4000;
const FIRST_BACKOFF_MS = 250;
/** A call that is cut off is over this much later than it should be, at most: its clock counts from before it was sent, and in whole milliseconds. */
const CUT_OFF_MS = 100;
/** Taken for the number of isolates as long as no reply has told. */
const UNTOLD_PEERS = 10;
/** Of the limit, what the isolates together take while they cannot ask: some of them were never counted. */
const SHARED = 0.8;

export const newPermitHolder = (id: string, now: number): PermitHolder => ({
  id,
  permits: 0,
  until: 0,
  calls: new Map(),
  scarce: false,
  most: Infinity,
  peers: UNTOLD_PEERS,
  seq: 0,
  askingUntil: 0,
  askAt: 0,
  failures: 0,
  missed: 0,
  demand: { since: now, peak: 0, before: 0 },
  idleSince: 0,
  returningUntil: 0,
});

/** Begins a call under one of the permits, or does not: then there is none for it. */
export function beginCall(holder: PermitHolder, call: number, longestCallMs: number, now: number): boolean {
  const inUse = underWay(holder, now);
  const end = now + longestCallMs;
  if (end > holder.until || inUse >= Math.min(holder.permits, holder.most)) return false;
  start(holder, call, end, inUse + 1, now);
  return true;
}

/** Begins a call without the object's leave, as one of the isolate's safe share of the limit: one, at least. */
export function beginShared(
  holder: PermitHolder,
  call: number,
  { limit, longestCallMs }: { readonly limit: number; readonly longestCallMs: number },
  now: number,
): boolean {
  const inUse = underWay(holder, now);
  if (inUse >= Math.max(1, Math.floor((SHARED * limit) / holder.peers))) return false;
  start(holder, call, now + longestCallMs, inUse + 1, now);
  return true;
}

/** Once or more than once: only the first time counts. */
export function endCall(holder: PermitHolder, call: number, now: number): void {
  if (holder.calls.delete(call) && holder.calls.size === 0) holder.idleSince = now;
}

/** A call found no permit. */
export const miss = (holder: PermitHolder): void => void holder.missed++;

/** Whether the object is known to be away. What was true when it could last be asked says nothing long after. */
export const isObjectAway = ({ failures, askAt }: PermitHolder, now: number): boolean =>
  failures > 0 && now < askAt + OLD_NEWS_MS;
const OLD_NEWS_MS = 5000;

export const isAskingPermits = (holder: PermitHolder, now: number): boolean => now < holder.askingUntil;

/** Whether to ask ahead: the last permits are being used up, or half of the time to begin calls in is over. */
export function isPermitsLow(holder: PermitHolder, longestCallMs: number, now: number): boolean {
  if (isAskingPermits(holder, now) || now < holder.askAt) return false;
  if (holder.until - longestCallMs - now < TERM_MS / 2) return true;
  return !holder.scarce && holder.calls.size >= holder.permits;
}

/** How long to wait until what is not in use by then should be given back; undefined while there is no such thing. */
export function giveBackAfterMs(holder: PermitHolder, now: number): number | undefined {
  if (now >= holder.until || now < holder.returningUntil) return undefined;
  const inUse = underWay(holder, now);
  if (inUse >= holder.permits) return undefined;
  if (holder.scarce) return GATHER_MS;
  return inUse === 0 ? IDLE_MS : undefined;
}

/** Whether there are permits that should go back now. */
export const hasSpare = (holder: PermitHolder, now: number): boolean =>
  now < holder.until && holder.permits > kept(holder, underWay(holder, now), now);

/** The next message, whose reply is awaited until `limitMs` from now. What it does not keep is let go at once. */
export function askPermits(holder: PermitHolder, now: number, limitMs: number): PermitRequest {
  const inUse = underWay(holder, now);
  const keep = now < holder.until ? kept(holder, inUse, now) : 0;
  const reserve = hasReserve(holder, inUse, now) ? Math.max(0, desired(holder) - keep) : 0;
  const want = now < holder.askAt ? 0 : Math.max(holder.missed, reserve);
  holder.permits = keep;
  if (keep === 0) holder.until = 0;
  holder.missed = 0;
  holder.seq++;
  holder.askingUntil = now + limitMs;
  return { holder: holder.id, seq: holder.seq, keep, want };
}

/** Takes the reply to message `seq`, sent at `at`, unless that message has been given up. */
export function receivePermits(holder: PermitHolder, seq: number, reply: PermitReply, at: number, now: number): void {
  if (holder.seq !== seq || holder.askingUntil === 0) return;
  holder.permits = reply.kept + reply.granted;
  holder.until = Math.max(holder.until, at + reply.forMs);
  holder.scarce = reply.scarce;
  holder.most = reply.most;
  holder.peers = reply.peers;
  holder.askingUntil = 0;
  holder.askAt = now + reply.retryAfterMs;
  holder.failures = 0;
}

/** Gives message `seq` up. The next one waits, with full jitter, for longer each time. `random` is 0 to 1. */
export function giveUpPermits(holder: PermitHolder, seq: number, now: number, random: number): void {
  if (holder.seq !== seq || holder.askingUntil === 0) return;
  holder.askingUntil = 0;
  holder.askAt = now + random * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(holder.failures, 10));
  holder.failures++;
}

function start(holder: PermitHolder, call: number, end: number, inUse: number, now: number): void {
  holder.calls.set(call, end);
  const { since, peak, before } = holder.demand;
  const age = now - since;
  if (age >= DEMAND_MS) holder.demand = { since: now, peak: inUse, before: age < 2 * DEMAND_MS ? peak : 0 };
  else if (inUse > peak) holder.demand = { since, peak: inUse, before };
}

/** Without those that must be over, though nobody said so. */
function underWay({ calls }: PermitHolder, now: number): number {
  for (const [call, end] of calls) {
    if (now < end + CUT_OFF_MS) break;
    calls.delete(call);
  }
  return calls.size;
}

/** What the isolate would like to hold: half as much again as it lately used at once, and one. */
function desired({ demand: { peak, before } }: PermitHolder): number {
  const most = Math.max(peak, before);
  return most + Math.ceil(most / 2) + 1;
}

const hasReserve = ({ scarce, idleSince }: PermitHolder, inUse: number, now: number): boolean =>
  !scarce && (inUse > 0 || now - idleSince < IDLE_MS);

/** Of the permits in hand: those in use, and the reserve. */
const kept = (holder: PermitHolder, inUse: number, now: number): number =>
  Math.min(holder.permits, hasReserve(holder, inUse, now) ? Math.max(inUse, desired(holder)) : inUse);
