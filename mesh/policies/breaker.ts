/**
 * The circuit breaker as one state machine. The fleet's circuit runs it in an object, on evidence that isolates report;
 * each isolate runs it once more on its own calls, so that it can trip without asking. All times are milliseconds on the
 * clock of whoever runs it; between two clocks only durations travel.
 */
import type { Outcome } from "../outcome.ts";
import { ramp } from "./ramp.ts";

/** When a circuit opens and closes; every duration in milliseconds. */
export type BreakerPolicy = {
  readonly failures: number;
  /** 0 to 1. */
  readonly failureRatio: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly probes: number;
  /** After it has closed, for so long, it lets a growing share of the calls through. Absent: all at once. */
  readonly rampMs?: number;
  /** Calls that take this long are slow; as many as `failures`, and this share of all, open it too. */
  readonly slow?: { readonly ms: number; /** 0 to 1. */ readonly ratio: number };
  /** What one isolate alone sees opens it for all. */
  readonly alone?: true;
};

/**
 * `out`: permits of an earlier half-open whose calls may still run. They count against `probes`, so that no more than
 * that many probes are ever in flight; what became of them says nothing of the upstream as it is now.
 */
export type Breaker =
  | {
      readonly kind: "closed";
      readonly since: number;
      /** How often it had opened in a row before it closed; absent when it never did. Counts while it ramps up. */
      readonly trips?: number;
      readonly slots: readonly Slot[];
      readonly out: readonly Permit[];
    }
  | { readonly kind: "open"; readonly until: number; readonly trips: number; readonly out: readonly Permit[] }
  | {
      readonly kind: "half-open";
      readonly trips: number;
      readonly permits: readonly Permit[];
      readonly out: readonly Permit[];
    };

/** A tenth of the window. `last` is the newest report of each source, so that a repeated one is not counted twice. */
type Slot = {
  /** When it begins. */
  readonly at: number;
  readonly ok: number;
  readonly failed: number;
  readonly slow: number;
  readonly last: Readonly<Record<string, number>>;
};

/** Leave to send one probe. It lapses by itself, since whoever holds it can be gone without a word. */
export type Permit = { readonly id: string; readonly expires: number };

/** Finished calls. `source` and `seq` name the report: a source numbers its reports upwards. */
export type Evidence = {
  readonly ok: number;
  readonly failed: number;
  /** Those of `ok` that were slow. */
  readonly slow?: number;
  /** How long ago the oldest of these calls began. */
  readonly ageMs: number;
  readonly source: string;
  readonly seq: number;
};

const SLOTS = 10;
/** How often a probe is worth asking for while others are probing: recovery is heard of this late at most. */
const ASK_AGAIN_MS = 1000;

/** A circuit that knows nothing of calls that began before `since`. */
export const closed = (since: number, out: readonly Permit[] = [], trips = 0): Breaker => ({
  kind: "closed",
  since,
  ...(trips > 0 && { trips }),
  slots: [],
  out,
});

/**
 * Whether a closed circuit lets a call through: all of them, or, for `rampMs` after it has closed, a share that grows from a
 * tenth to all. `random` is 0 up to, not including, 1.
 */
export function admits(state: Breaker, policy: BreakerPolicy, now: number, random: number): boolean {
  if (state.kind !== "closed") return false;
  const share = state.trips ? ramp(now - state.since, policy.rampMs ?? 0) : 1;
  return share === 1 || random < share;
}

/** Of a circuit that closed a while ago, nothing is left to be careful about. */
const rampsUp = (state: Breaker & { kind: "closed" }, { rampMs = 0 }: BreakerPolicy, now: number): boolean =>
  state.trips !== undefined && now - state.since < rampMs;

/**
 * Counts evidence, and opens when the window holds both enough failures and a large enough share of them. Only a closed
 * circuit listens, and only to calls that began after it closed: a straggler must not undo what was learnt since.
 */
export function report(state: Breaker, evidence: Evidence, policy: BreakerPolicy, now: number): Breaker {
  const counted = count(state, evidence, policy, now);
  return counted !== state && isFailing(counted, policy, now) ? trip(counted, policy, now) : counted;
}

/** The same, but never opens. What is not listened to leaves the very same state. */
export function count(state: Breaker, evidence: Evidence, policy: BreakerPolicy, now: number): Breaker {
  if (state.kind !== "closed" || now - evidence.ageMs < state.since) return state;
  const slotMs = Math.max(1, policy.windowMs / SLOTS);
  const at = Math.floor(now / slotMs) * slotMs;
  const recent = state.slots.filter((slot) => slot.at > at - policy.windowMs);
  if (recent.some(({ last }) => (last[evidence.source] ?? -1) >= evidence.seq)) return state;
  return { ...state, slots: added(recent, at, evidence) };
}

/** Whether the window, as it was when something was last counted, holds what opens a closed circuit. */
export function isFailing(state: Breaker, policy: BreakerPolicy, now: number): boolean {
  if (state.kind !== "closed") return false;
  const { ok, failed, slow } = tally(state);
  const fails = failed >= policy.failures && failed >= opensAt(state, policy, now) * (ok + failed);
  return fails || isSlow(policy, slow, ok + failed);
}

/** The share that opens a closed circuit: while it ramps up half of the policy's, since this backend has failed before. */
export const opensAt = (state: Breaker, policy: BreakerPolicy, now: number): number =>
  policy.failureRatio / (state.kind === "closed" && rampsUp(state, policy, now) ? 2 : 1);

export const tally = ({ slots }: Breaker & { kind: "closed" }) => ({
  ok: total(slots, "ok"),
  failed: total(slots, "failed"),
  slow: total(slots, "slow"),
});

const isSlow = ({ slow, failures }: BreakerPolicy, slowCalls: number, calls: number): boolean =>
  slow !== undefined && slowCalls >= failures && slowCalls >= slow.ratio * calls;

/** Opens a closed circuit: for as long as the first time, or for longer than the last where it still ramps up. */
export function trip(state: Breaker, policy: BreakerPolicy, now: number): Breaker {
  if (state.kind !== "closed") return state;
  return opened(rampsUp(state, policy, now) ? state.trips! + 1 : 1, state.out, policy, now);
}

/**
 * Asks to send one probe, for at most `ttlMs`. Granted only when the circuit's open time has passed and fewer than
 * `policy.probes` permits are out; asking again with the same id gives the same permit. A closed circuit grants none:
 * it needs none.
 */
export function probe(
  state: Breaker,
  id: string,
  ttlMs: number,
  policy: BreakerPolicy,
  now: number,
): { readonly state: Breaker; readonly granted: boolean } {
  if (state.kind === "closed" || (state.kind === "open" && now < state.until)) return { state, granted: false };
  const permits = state.kind === "half-open" ? live(state.permits, now) : [];
  const out = live(state.out, now);
  if (permits.some((permit) => permit.id === id)) return { state, granted: true };
  // One id is one permit: the same question, come late, must not get a second under the first one's name.
  if (out.some((permit) => permit.id === id)) return { state, granted: false };
  if (permits.length + out.length >= policy.probes) return { state, granted: false };
  const granted = [...permits, { id, expires: now + ttlMs }];
  return { state: { kind: "half-open", trips: state.trips, permits: granted, out }, granted: true };
}

/**
 * Brings a permit back. The success of one that still counts closes the circuit, its failure opens it again for twice as
 * long, and `ignored` frees it without a verdict. A permit that has lapsed or come back already changes nothing.
 */
export function settle(state: Breaker, id: string, outcome: Outcome, policy: BreakerPolicy, now: number): Breaker {
  if (state.kind !== "half-open" || !live(state.permits, now).some((permit) => permit.id === id))
    return state.out.some((permit) => permit.id === id) ? { ...state, out: without(state.out, id) } : state;
  const permits = without(live(state.permits, now), id);
  const others = [...permits, ...live(state.out, now)];
  switch (outcome) {
    case "ok":
      return closed(now, others, state.trips);
    case "failed":
      return opened(state.trips + 1, others, policy, now);
    case "ignored":
      return { ...state, permits };
  }
}

/** How long until asking for a probe makes sense; 0 if it does now, or if none is needed. */
export function waitMs(state: Breaker, policy: BreakerPolicy, now: number): number {
  if (state.kind === "closed") return 0;
  if (state.kind === "open" && now < state.until) return state.until - now;
  const busy = live([...state.out, ...(state.kind === "half-open" ? state.permits : [])], now);
  if (busy.length < policy.probes) return 0;
  return Math.min(ASK_AGAIN_MS, ...busy.map(({ expires }) => expires - now));
}

/** What the object tells an edge of its circuit, beside the epoch. */
export type FleetState =
  /** `closedMs`: how long ago it closed, while that is worth knowing. */
  (
    | { readonly kind: "closed"; readonly closedMs?: number; readonly trips?: number }
    | { readonly kind: "open" | "half-open"; readonly forMs: number; readonly trips: number }
  ) & {
    /** Grows with every change of kind: an older reply that comes late is told by it. */
    readonly version: number;
  };

/** The circuit as durations, for one whose clock is another. */
export function describe(state: Breaker, version: number, policy: BreakerPolicy, now: number): FleetState {
  if (state.kind === "closed")
    return rampsUp(state, policy, now)
      ? { kind: "closed", closedMs: now - state.since, trips: state.trips!, version }
      : { kind: "closed", version };
  return { kind: state.kind, forMs: waitMs(state, policy, now), trips: state.trips, version };
}

/** An isolate's view after it was told that the fleet's circuit is not closed: it asks no earlier than told. */
export function held(view: Breaker, { forMs, trips }: { forMs: number; trips: number }, now: number): Breaker {
  return {
    kind: "open",
    until: now + forMs,
    trips,
    out: view.kind === "half-open" ? [...view.permits, ...view.out] : view.out,
  };
}

function opened(trips: number, out: readonly Permit[], { openMs, maxOpenMs }: BreakerPolicy, now: number): Breaker {
  // The exponent is bounded as well: 2 ** 1024 is Infinity, and Infinity is not JSON.
  const forMs = Math.min(maxOpenMs, openMs * 2 ** Math.min(trips - 1, 52));
  return { kind: "open", until: now + forMs, trips, out: live(out, now) };
}

function added(slots: readonly Slot[], at: number, evidence: Evidence): readonly Slot[] {
  const { ok, failed, slow = 0, source, seq } = evidence;
  const found = slots.find((slot) => slot.at === at) ?? { at, ok: 0, failed: 0, slow: 0, last: {} };
  const next = {
    at,
    ok: found.ok + ok,
    failed: found.failed + failed,
    slow: found.slow + slow,
    last: { ...found.last, [source]: seq },
  };
  return [...slots.filter((slot) => slot.at !== at), next];
}

const total = (slots: readonly Slot[], key: "ok" | "failed" | "slow"): number =>
  slots.reduce((sum, slot) => sum + slot[key], 0);
const live = (permits: readonly Permit[], now: number): readonly Permit[] =>
  permits.filter(({ expires }) => now < expires);
const without = (permits: readonly Permit[], id: string): readonly Permit[] =>
  permits.filter((permit) => permit.id !== id);
