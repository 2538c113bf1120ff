/**
 * The fleet's circuit: a breaker on what all isolates report of a backend, and who these isolates are. Each trips by itself, at once.
 * The fleet's circuit opens when enough of them agree: what a single one sees may be its own way to the backend. So it takes two, or
 * all if there are fewer; docs/decisions/028-two-tiers.md. All times are milliseconds on the clock of the circuit's object.
 */
import {
  type Breaker,
  type BreakerPolicy,
  closed,
  count,
  type Evidence,
  isFailing,
  opensAt,
  tally,
  trip,
} from "./breaker.ts";
import { LONGEST_HOLD_MS } from "./retry.ts";

export type FleetCircuit = {
  readonly breaker: Breaker;
  /** Isolates that were heard of lately, by name. */
  readonly callers: Readonly<Record<string, Caller>>;
  /** The backend asked to be left alone until then. */
  readonly holdUntil: number;
};

type Caller = {
  /** Of its newest word, as the next two. */
  readonly seq: number;
  readonly at: number;
  /** Those that count. */
  readonly failed: number;
  /** Calls a second, measured between two words; absent until there were two. */
  readonly pace?: number;
  /** It counts as a caller until then. */
  readonly until: number;
  /** When its failures or slow calls were last heard of by a closed circuit. */
  readonly badAt?: number;
  /** It has opened by itself. */
  readonly open: boolean;
};

/** What an isolate says: finished calls, and how it stands by them. */
export type Word = Evidence & {
  /** It has opened by itself, and tries again after so long. */
  readonly openMs?: number;
  /** The backend asked to be left alone for so long (Retry-After). */
  readonly holdMs?: number;
};

export const NOTHING_HEARD: FleetCircuit = { breaker: closed(0), callers: {}, holdUntil: 0 };

/** An isolate whose calls succeed says so this often. */
export const HELLO_EVERY_MS = 10_000;
/** One that was not heard of for so long calls no more: it may have missed saying so once. */
const SEEN_MS = 2 * HELLO_EVERY_MS;
const SECOND_MS = 1000;
/** Of more, those heard of last are a fair sample. */
const MOST_CALLERS = 500;

/** Notes a word, and opens a closed circuit when its callers agree. A word that comes twice, or was overtaken, changes nothing. */
export function hear(circuit: FleetCircuit, word: Word, policy: BreakerPolicy, now: number): FleetCircuit {
  const last = circuit.callers[word.source];
  if (last && word.seq <= last.seq) return circuit;
  // Whoever was not heard of for long begins anew, as one whom a newcomer took the place of.
  const known = last && now < last.until ? last : undefined;
  const breaker = count(circuit.breaker, word, policy, now);
  const isBad = breaker !== circuit.breaker && (word.failed > 0 || (word.slow ?? 0) > 0);
  const badAt = isBad ? now : known?.badAt;
  const pace = known && paceOf(known, word.ok + word.failed, now);
  const caller = {
    seq: word.seq,
    at: now,
    failed: isBad ? word.failed : 0,
    ...(pace !== undefined && { pace }),
    until: now + (word.openMs ?? 0) + SEEN_MS,
    ...(badAt !== undefined && { badAt }),
    open: word.openMs !== undefined,
  };
  const heard: FleetCircuit = {
    breaker,
    callers: { ...(last ? circuit.callers : room(circuit.callers, now)), [word.source]: caller },
    holdUntil: Math.max(circuit.holdUntil, now + Math.min(word.holdMs ?? 0, LONGEST_HOLD_MS)),
  };
  return isBad && agree(heard, policy, now) ? { ...heard, breaker: trip(breaker, policy, now) } : heard;
}

/** What it calls a second. Two words within one say nothing new, unless they tell of more. */
const paceOf = ({ at, pace }: Caller, calls: number, now: number): number | undefined =>
  now - at >= SECOND_MS ? (calls * SECOND_MS) / (now - at) : pace && Math.max(pace, calls);

/**
 * Whether it is the backend that fails, and not one isolate's way to it: the window says so, or the last second does, or as large a share
 * of the isolates as the policy asks of calls has opened by itself.
 */
function agree({ breaker, callers }: FleetCircuit, policy: BreakerPolicy, now: number): boolean {
  if (breaker.kind !== "closed") return false;
  const present = Object.values(callers).filter(({ until }) => now < until);
  const enough = policy.alone ? 1 : Math.min(2, present.length);
  const bad = present.filter(({ badAt = -1 }) => badAt >= breaker.since && badAt > now - policy.windowMs);
  if (bad.length >= enough && isFailing(breaker, policy, now)) return true;
  if (policy.alone) return false;
  const share = opensAt(breaker, policy, now);
  if (failsNow(present, bad, enough, policy, share, now)) return true;
  const open = present.filter((caller) => isOpen(caller, breaker.since)).length;
  return open >= Math.max(enough, share * present.length);
}

/**
 * Whether so many calls failed within a second as are the policy's share of what all callers make in one. In the window ten seconds of
 * success would outweigh them, and each isolate by itself would first have to fail five times.
 */
function failsNow(
  present: readonly Caller[],
  bad: readonly Caller[],
  enough: number,
  { failures, windowMs }: BreakerPolicy,
  share: number,
  now: number,
): boolean {
  const failing = bad.filter(({ at, failed }) => failed > 0 && at > now - SECOND_MS);
  const failed = failing.reduce((sum, one) => sum + one.failed, 0);
  const paces = present.flatMap(({ pace }) => pace ?? []);
  // Isolates count over a window; with a shorter one their words do not say what they call in between. New ones are taken to be like the others.
  if (windowMs < HELLO_EVERY_MS || paces.length < present.length / 2) return false;
  const expected = (paces.reduce((sum, pace) => sum + pace, 0) / paces.length) * present.length;
  return failing.length >= enough && failed >= failures && failed >= share * expected;
}

/** What opened it before the fleet's circuit closed says nothing of the backend since. */
const isOpen = ({ open, badAt = -1 }: Caller, since: number): boolean => open && badAt >= since;

/** Without those that call no more, and with room for one: the table only grows by newcomers. */
function room(callers: FleetCircuit["callers"], now: number): FleetCircuit["callers"] {
  const present = Object.entries(callers).filter(([, { until }]) => now < until);
  if (present.length < MOST_CALLERS) return Object.fromEntries(present);
  return Object.fromEntries(present.toSorted(([, a], [, b]) => b.until - a.until).slice(0, MOST_CALLERS - 1));
}

/** More of all calls than this fail, after all their tries: further tries are load alone. */
const CUT_OFF = 0.25;
/** Failing isolates report once a second, and hear with the reply whether it goes on. */
const CUT_OFF_MS = 2000;

/** For how long no isolate is to retry: the backend asked for it, or retries do not help. 0 for not at all. */
export function onceMs({ breaker, holdUntil }: FleetCircuit, { failures }: BreakerPolicy, now: number): number {
  const held = Math.max(0, holdUntil - now);
  if (breaker.kind !== "closed") return held;
  const { ok, failed } = tally(breaker);
  return failed >= failures && failed > CUT_OFF * (ok + failed) ? Math.max(held, CUT_OFF_MS) : held;
}

/** How many isolates call the backend, and the ids of those that a closed circuit leaves open by themselves. */
export function callersOf(
  { breaker, callers }: FleetCircuit,
  now: number,
): { readonly seen: number; readonly open: readonly string[] } {
  const present = Object.entries(callers).filter(([, { until }]) => now < until);
  const open = present.filter(([, caller]) => breaker.kind === "closed" && isOpen(caller, breaker.since));
  return { seen: present.length, open: open.map(([id]) => id) };
}
