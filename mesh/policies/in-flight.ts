/**
 * How many calls are under way. A call whose caller left may never be heard of again: the runtime ends it in the middle, and
 * nothing of it runs any more. So calls are counted in two generations, and what has not come back is forgotten with its own.
 */
export type InFlight = {
  /** When the younger generation began, in milliseconds. */
  since: number;
  now: number;
  before: number;
};

/** A call counts for at least this long, and at most for twice as long. */
export const GENERATION_MS = 30_000;

export const noneInFlight = (): InFlight => ({ since: 0, now: 0, before: 0 });

/** Changed in place: it is done for every call. */
export function enter(calls: InFlight, now: number): void {
  turn(calls, now);
  calls.now++;
}

/** `entered` is the time that `enter` was given. */
export function leave(calls: InFlight, entered: number, now: number): void {
  turn(calls, now);
  if (entered >= calls.since) calls.now = Math.max(0, calls.now - 1);
  else if (entered >= calls.since - GENERATION_MS) calls.before = Math.max(0, calls.before - 1);
}

export function underWay(calls: InFlight, now: number): number {
  turn(calls, now);
  return calls.now + calls.before;
}

function turn(calls: InFlight, now: number): void {
  const age = now - calls.since;
  if (age < GENERATION_MS) return;
  const following = age < 2 * GENERATION_MS;
  calls.before = following ? calls.now : 0;
  calls.now = 0;
  calls.since = following ? calls.since + GENERATION_MS : now;
}
