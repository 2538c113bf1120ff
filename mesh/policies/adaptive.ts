/**
 * How many calls an isolate has with a backend at once, found out from how long they take. A backend that is at its limit
 * answers no more calls a second when it has more of them, only later ones; so the limit shrinks as answers take longer than at best.
 * After Envoy's adaptive concurrency (the gradient) and BBR's ProbeRTT (best times are measured while less is asked).
 *
 * What takes how long at best cannot be seen under full load: its own queue would become the measure, and the limit would grow
 * with the queue. So the best is taken from measurements alone, before which the limit is halved and the queue given time to drain.
 * The whole fleet measures at the same times by the clock, since an isolate that measured alone would see the others' queue.
 */
import { enter, type InFlight, leave, noneInFlight, underWay } from "./in-flight.ts";

export type Adaptive = {
  readonly least: number;
  readonly most: number;
  /** More than 1: so many times the best may answers take. */
  readonly tolerance: number;
  readonly measureEveryMs: number;
};

/** What one isolate knows of a backend. Changed in place: every call does. */
export type Limiter = {
  /** Not whole: it grows by fractions. */
  limit: number;
  /** What half of the answers took, when it was last measured. */
  bestMs: number | undefined;
  /** What half of the answers took lately. */
  lastMs: number;
  /** The time of the clock, in whole `measureEveryMs`, that was seen last. */
  turn: number;
  measuring: Measuring | undefined;
  /** Of the running window: what answers took, since when, the most calls under way, and whether the backend refused any. */
  took: number[];
  since: number;
  used: number;
  dropped: boolean;
  readonly inFlight: InFlight;
};

/** Calls that begin from `from` up to `to` count, and have until `until` to end; in milliseconds. The limit is halved all the while. */
type Measuring = {
  readonly from: number;
  readonly to: number;
  readonly until: number;
  readonly took: number[];
  /** What half of the answers took just before, with twice as many calls. */
  readonly withTwice: number;
};

/** `dropped`: the backend refused it, or did not answer in time, for want of capacity. `ignored`: it says nothing of the backend. */
export type Ended = "answered" | "dropped" | "ignored";

/** Where an isolate begins: enough for nearly all of them. */
const FIRST = 20;
/** Fewer answers say little of what half of them take. */
const FEWEST = 10;
/** No window is shorter: answers that come in one moment are of one moment. */
const WINDOW_MS = 100;
const LONGEST_WINDOW = 1000;
/** No step is longer down. */
const STEEPEST = 0.5;
const DROP = 0.9;
/** Of the time between two measurements, one takes no more. */
const MEASURING_SHARE = 0.1;
/** Of the time between two measurements: one that began later than so would be made alone. */
const LATE = 0.02;

export const newLimiter = ({ least, most, measureEveryMs }: Adaptive, now: number): Limiter => ({
  limit: Math.min(most, Math.max(least, FIRST)),
  bestMs: undefined,
  lastMs: 0,
  turn: Math.floor(now / measureEveryMs),
  measuring: undefined,
  took: [],
  since: now,
  used: 0,
  dropped: false,
  inFlight: noneInFlight(),
});

/** The calls that may be under way now; whole, and never fewer than `least`. */
export const allowed = ({ limit, measuring }: Limiter, { least }: Adaptive): number =>
  Math.max(least, Math.floor(measuring ? limit / 2 : limit));

/** Lets a call begin, or does not. */
export function beginCall(limiter: Limiter, policy: Adaptive, now: number): boolean {
  measureInTime(limiter, policy, now);
  const calls = underWay(limiter.inFlight, now) + 1;
  limiter.used = Math.max(limiter.used, calls);
  if (calls > allowed(limiter, policy)) return false;
  enter(limiter.inFlight, now);
  return true;
}

/** A call is over that began at `began`, the `now` of its `beginCall`. */
export function endCall(limiter: Limiter, policy: Adaptive, ended: Ended, began: number, now: number): void {
  leave(limiter.inFlight, began, now);
  if (ended === "ignored") return;
  if (ended === "dropped") limiter.dropped = true;
  // A clock of whole milliseconds shows some calls as none.
  const ms = Math.max(1, now - began);
  if (limiter.measuring) {
    if (ended === "answered") measure(limiter, policy, limiter.measuring, { ms, began }, now);
    return;
  }
  // What was refused took no time, and what broke down says nothing of time.
  if (ended === "answered") limiter.took.push(ms);
  const { took, since, dropped } = limiter;
  const enough = took.length >= FEWEST && now - since >= WINDOW_MS;
  if (enough || took.length >= LONGEST_WINDOW || (dropped && now - since >= WINDOW_MS)) step(limiter, policy, now);
}

/** At each whole `measureEveryMs` of the clock, a measurement begins. */
function measureInTime(limiter: Limiter, policy: Adaptive, now: number): void {
  const { measuring, bestMs } = limiter;
  if (measuring && now >= measuring.until) conclude(limiter, policy, measuring, now);
  const turns = now / policy.measureEveryMs;
  const turn = Math.floor(turns);
  if (turn === limiter.turn) return;
  limiter.turn = turn;
  if (bestMs !== undefined && turns - turn < LATE) limiter.measuring = measurement(policy, limiter.lastMs, now);
}

/** Twice what a call takes for the queue to drain, twice that for calls to begin, and as long as the first for them to end. */
function measurement({ measureEveryMs }: Adaptive, withTwice: number, now: number): Measuring {
  const partMs = Math.min(2 * withTwice, (measureEveryMs * MEASURING_SHARE) / 4);
  return { from: now + partMs, to: now + 3 * partMs, until: now + 4 * partMs, took: [], withTwice };
}

function measure(
  limiter: Limiter,
  policy: Adaptive,
  measuring: Measuring,
  { ms, began }: { readonly ms: number; readonly began: number },
  now: number,
): void {
  if (began >= measuring.from && began < measuring.to) measuring.took.push(ms);
  if (now >= measuring.until) conclude(limiter, policy, measuring, now);
}

/** A measurement of too few calls is none: what was known before holds. */
function conclude(limiter: Limiter, policy: Adaptive, { took, withTwice }: Measuring, now: number): void {
  const { limit, bestMs = Infinity } = limiter;
  const { least, tolerance } = policy;
  limiter.measuring = undefined;
  if (took.length >= FEWEST) {
    const found = median(took);
    const asKnown = found <= bestMs * tolerance && found * tolerance >= bestMs;
    // What falls with the calls is the queue's time: half of them are still too many to show the backend's own.
    if (!asKnown && found * tolerance < withTwice && limit > least) {
      limiter.limit = Math.max(least, limit / 2);
      limiter.measuring = measurement(policy, found, now);
      return;
    }
    // Within the tolerance, what is left of a queue must not become the measure little by little.
    limiter.bestMs = asKnown ? Math.min(bestMs, found) : found;
    limiter.lastMs = found;
  }
  openWindow(limiter, now);
}

/** The limit after a window. */
function step(limiter: Limiter, policy: Adaptive, now: number): void {
  const { limit, used, dropped } = limiter;
  let next = limit;
  if (limiter.took.length >= FEWEST) {
    limiter.lastMs = median(limiter.took);
    if (limiter.bestMs === undefined) {
      limiter.measuring = measurement(policy, limiter.lastMs, now);
      return openWindow(limiter, now);
    }
    const gradient = Math.min(1, Math.max(STEEPEST, (policy.tolerance * limiter.bestMs) / limiter.lastMs));
    // The root is what lets it grow, and at rest what waits in the backend's queue.
    next = limit * gradient + Math.sqrt(limit);
  }
  if (dropped) next = Math.min(next, limit * DROP);
  // A limit that is not used says nothing of what would be too much.
  if (used < limit / 2) next = Math.min(next, limit);
  limiter.limit = Math.min(policy.most, Math.max(policy.least, next));
  openWindow(limiter, now);
}

function openWindow(limiter: Limiter, now: number): void {
  limiter.took = [];
  limiter.since = now;
  limiter.used = underWay(limiter.inFlight, now);
  limiter.dropped = false;
}

/** The lower of the two in the middle. */
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!; // of no empty list
