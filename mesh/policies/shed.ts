/**
 * What an isolate refuses so that it does not drown: an isolate that takes on more than its memory holds is killed, with every
 * request in it. Requests count from their arrival to their response's headers. While less than half of the cap is in use nobody
 * is told apart, and a request costs a counter. Above that, no caller gets more than its share of the cap.
 */
import { enter, type InFlight, leave, noneInFlight, underWay } from "./in-flight.ts";

/** Changed in place: it is touched twice for every request. */
export type Load = {
  readonly all: InFlight;
  /** Those of each caller that came while at least half of the cap was in use. */
  readonly callers: Map<string, InFlight>;
};

/** What came in, to be taken out again when it is answered. */
export type Admitted = { readonly at: number; readonly caller: string | undefined };

/** Of the cap: where callers begin to be told apart, and requests of low priority to be refused. */
const NEAR = 0.5;

export const noLoad = (): Load => ({ all: noneInFlight(), callers: new Map() });

/**
 * Takes a request in, or refuses it: undefined when the cap is reached, or is near and the caller has its share already.
 * `caller` is asked for only near the cap.
 */
export function admit(load: Load, cap: number, caller: () => string, now: number): Admitted | undefined {
  const inFlight = underWay(load.all, now);
  if (inFlight >= cap) return undefined;
  if (inFlight < cap * NEAR) {
    enter(load.all, now);
    return { at: now, caller: undefined };
  }
  const who = caller();
  const mine = load.callers.get(who) ?? noneInFlight();
  if (underWay(mine, now) >= shareOf(load, cap, who, now)) return undefined;
  load.callers.set(who, mine);
  enter(mine, now);
  enter(load.all, now);
  return { at: now, caller: who };
}

/** A request has been answered. */
export function release(load: Load, { at, caller }: Admitted, now: number): void {
  leave(load.all, at, now);
  const mine = caller === undefined ? undefined : load.callers.get(caller);
  if (caller === undefined || !mine) return;
  leave(mine, at, now);
  if (underWay(mine, now) === 0) load.callers.delete(caller);
}

/** Whether a request of low priority, which has been taken in, is refused after all: what is left is for the others. */
export const refusesLow = (load: Load, cap: number, now: number): boolean => underWay(load.all, now) > cap * NEAR;

/** The cap, divided among the callers that are counted; one request at least. */
function shareOf({ callers }: Load, cap: number, caller: string, now: number): number {
  let others = 0;
  for (const [name, calls] of callers)
    if (underWay(calls, now) === 0) callers.delete(name);
    else if (name !== caller) others++;
  return Math.max(1, Math.floor(cap / (others + 1)));
}
