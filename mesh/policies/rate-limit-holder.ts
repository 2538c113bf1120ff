/**
 * An isolate's side of a leased rate limit: what it holds of one bucket, and when to ask for more. It decides at once, from what
 * it holds; the object is waited for only by a call that finds nothing in hand and no word that there is nothing to be had.
 *
 * Plain data, changed in place: this is on the path of every request, where a copy a call is what would show in a profile.
 * One message is under way at a time, and the reply to one that was given up is never used: the bucket takes its tokens back.
 */
import { addTo, type Flow, noFlow, perMsOf } from "./flow.ts";
import type { LeaseReply, LeaseRequest } from "./rate-limit-bucket.ts";

export type Holder = {
  /** Its name in messages. */
  readonly id: string;
  /** Tokens in hand as of `at`; they accrue at `rho` a millisecond up to `depth`, and are worth nothing from `until` on. */
  tokens: number;
  at: number;
  rho: number;
  depth: number;
  until: number;
  /** What may be spent on credit until `creditUntil`; what was in all, and what of it no answered message has reported. */
  credit: number;
  creditUntil: number;
  spent: number;
  debt: number;
  /** Of the last message sent, and of the one whose reply is in use. */
  seq: number;
  using: number;
  /** When the message under way was sent, and when it counts as cut off with its request; 0 when there is none. */
  askedAt: number;
  askingUntil: number;
  /** The debt that the message under way reports. */
  reported: number;
  /** A lease that is in use is renewed from then on. */
  refreshAt: number;
  /** Not worth asking before: there was nothing, or the object did not answer. */
  askAt: number;
  /** Messages without a reply since the last one with. */
  failures: number;
  over: boolean;
  /** What the object had to lend to anyone when it last replied, for callers to know, and when that was; 0 for never. */
  left: number;
  leftAt: number;
  /** Round trips as in RFC 6298: smoothed, and how much they vary. Milliseconds. */
  roundTrip: number;
  variation: number;
  /** Tokens that calls asked for, admitted or not; and what one call costs on average. */
  readonly demand: Flow;
  /** Calls that were refused, for people to look at. */
  readonly refusals: Flow;
  unit: number;
  /** Tokens that calls wait for and no message has asked for yet. */
  waiting: number;
  /** What the object last said is safe to go on with without it, and the local bucket that stands in for it. */
  safe: number;
  safeUntil: number;
  share: number;
  shareAt: number;
};

/** What a call that costs so much finds. `wait` is for the object's word, which may be under way. */
export type Standing = "tokens" | "credit" | "wait" | "refused" | "away";

/** A share of the limit that one of ten isolates may take is the best guess before the first word of the object. */
const UNTOLD_SHARE = 0.08;
const SAFE_MS = 60_000;
const FIRST_ROUND_TRIP_MS = 60;
const MAX_BACKOFF_MS = 4000;
/** That the object was away says nothing any more once it could have been asked again for so long. */
const OLD_NEWS_MS = 5000;
/** Before that, tokens in hand that run low are no reason to ask again. */
const AGAIN_MS = 300;

export const newHolder = (id: string, now: number): Holder => ({
  id,
  tokens: 0,
  at: now,
  rho: 0,
  depth: 0,
  until: 0,
  credit: 0,
  creditUntil: 0,
  spent: 0,
  debt: 0,
  seq: 0,
  using: 0,
  askedAt: 0,
  askingUntil: 0,
  reported: 0,
  refreshAt: 0,
  askAt: 0,
  failures: 0,
  over: false,
  left: 0,
  leftAt: 0,
  roundTrip: FIRST_ROUND_TRIP_MS,
  variation: FIRST_ROUND_TRIP_MS / 2,
  demand: noFlow(now),
  refusals: noFlow(now),
  unit: 1,
  waiting: 0,
  safe: 0,
  safeUntil: 0,
  share: -1,
  shareAt: now,
});

/** A call came in that costs `cost`, whether or not it will be admitted. */
export function arrive(holder: Holder, cost: number, now: number): void {
  addTo(holder.demand, cost, now);
  holder.unit += (cost - holder.unit) * 0.1;
}

/** Whether the reply to a message may still come. */
export const isAsking = ({ askingUntil }: Holder, now: number): boolean => now < askingUntil;

export function standing(holder: Holder, cost: number, now: number): Standing {
  accrue(holder, now);
  if (holder.tokens >= cost) return "tokens";
  if (holder.failures > 0 && now < holder.askAt + OLD_NEWS_MS) return "away";
  if (now < holder.askAt) return "refused";
  if (holder.credit >= cost && now < holder.creditUntil) return "credit";
  // Much wanted and little to be had: what the next reply brings is spoken for already.
  return holder.over && perMsOf(holder.demand, now) * holder.roundTrip >= 0.5 * holder.unit && holder.using > 0
    ? "refused"
    : "wait";
}

/** Spends what `standing` has found in the same breath. */
export function spend(holder: Holder, cost: number, found: "tokens" | "credit"): void {
  if (found === "tokens") holder.tokens -= cost;
  else {
    holder.credit -= cost;
    holder.spent += cost;
    holder.debt += cost;
  }
}

/** A call was refused. */
export function refuse(holder: Holder, now: number): void {
  addTo(holder.refusals, 1, now);
}

function accrue(holder: Holder, now: number): void {
  if (now >= holder.until) {
    holder.tokens = holder.rho = holder.depth = 0;
    holder.at = now;
  } else if (now > holder.at) {
    holder.tokens = Math.min(holder.depth, holder.tokens + holder.rho * (now - holder.at));
    holder.at = now;
  }
}

/** How long a call that was refused had better wait: until its tokens have accrued, or more may be asked for. At least 1. */
export function retryMs({ tokens, rho, until, askAt }: Holder, cost: number, now: number): number {
  const accrued = rho > 0 ? now + (cost - tokens) / rho : Infinity;
  return Math.max(1, Math.ceil(Math.min(accrued < until ? accrued : Infinity, Math.max(now, askAt)) - now));
}

/** Whether to send a message beside the call: in time before the lease ends, or before the tokens run out. */
export function isDue(holder: Holder, now: number): boolean {
  if (now < holder.askingUntil) return false;
  // A lease with a rate is renewed in time even if it makes no sense to ask for more.
  if (holder.failures === 0 && now < holder.until && holder.rho > 0) {
    if (now >= holder.refreshAt || now > holder.until - 2 * holder.roundTrip) return true;
  }
  if (now < holder.askAt) return false;
  if (holder.failures > 0 || holder.debt > 0) return true;
  if (now >= holder.until) return holder.over;
  if (holder.over || now < holder.askedAt + AGAIN_MS) return false;
  return holder.tokens < perMsOf(holder.demand, now) * holder.roundTrip * 1.5;
}

/** The next message, which asks for what calls wait for as well. One without a reply by `askingUntil` is to be given up. */
export function ask(holder: Holder, now: number): LeaseRequest {
  accrue(holder, now);
  if (now >= holder.creditUntil) holder.credit = 0;
  const { id, using, rho, depth, tokens, credit, spent, debt, unit, waiting: must } = holder;
  holder.seq++;
  holder.waiting = 0;
  holder.askedAt = now;
  holder.askingUntil = now + Math.min(500, Math.max(100, holder.roundTrip + 4 * holder.variation));
  holder.reported = debt;
  const demand = perMsOf(holder.demand, now);
  const lease = { using, rho, depth, credit, held: tokens, spent, debt };
  return { holder: id, seq: holder.seq, ...lease, demand, unit, must, room: 0 };
}

/** Takes the reply to message `seq`, unless that message has been given up. `random` is 0 to 1, and spreads the renewals. */
export function receive(holder: Holder, seq: number, reply: LeaseReply, now: number, random: number): void {
  if (holder.askingUntil === 0 || holder.seq !== seq) return;
  const took = now - holder.askedAt;
  holder.variation += (Math.abs(took - holder.roundTrip) - holder.variation) / 4;
  holder.roundTrip += (took - holder.roundTrip) / 8;
  holder.askingUntil = 0;
  // Refusing calls for no better reason than that would make an outage of a restart: the policy says what to do instead.
  holder.failures = reply.relearning ? 1 : 0;
  if (!reply.relearning) holder.share = -1;
  holder.debt -= holder.reported;
  holder.askAt = reply.waitMs > 0 ? now + reply.waitMs : 0;
  if (reply.kind === "wait") return;
  accrue(holder, now);
  holder.using = seq;
  holder.until = holder.askedAt + reply.forMs;
  // Late beyond use: the reply's own term is over.
  holder.tokens = Math.min(reply.depth, holder.tokens + reply.tokens);
  holder.rho = reply.rho;
  holder.depth = reply.depth;
  // What was spent on credit since the message was sent is not reported yet.
  holder.credit = Math.max(0, reply.credit - holder.debt);
  holder.creditUntil = holder.askedAt + reply.creditMs;
  holder.refreshAt = now + reply.refreshMs * (0.8 + 0.4 * random);
  holder.over = reply.over;
  holder.safe = reply.safe;
  holder.safeUntil = now + SAFE_MS;
}

/** Gives message `seq` up. The next one waits, with full jitter, for longer each time. `random` is 0 to 1. */
export function giveUp(holder: Holder, seq: number, now: number, random: number): void {
  if (holder.askingUntil === 0 || holder.seq !== seq) return;
  holder.askingUntil = 0;
  holder.failures++;
  holder.askAt = now + random * Math.min(MAX_BACKOFF_MS, 125 * 2 ** Math.min(holder.failures, 10));
}

/** The limit as a holder without its object knows it. */
export type Limit = { readonly perMs: number; readonly burst: number };

/** One call out of this isolate's safe share of the limit: 0 when it is admitted, or how long until it could be. */
export function spendShare(holder: Holder, { perMs, burst }: Limit, cost: number, now: number): number {
  const rate = now < holder.safeUntil ? holder.safe : UNTOLD_SHARE * perMs;
  const depth = Math.max(cost, (rate / perMs) * burst);
  const before = holder.share < 0 ? depth : holder.share;
  holder.share = Math.min(depth, before + rate * Math.max(0, now - holder.shareAt));
  holder.shareAt = now;
  if (holder.share < cost) return Math.ceil((cost - holder.share) / rate);
  holder.share -= cost;
  return 0;
}
