/**
 * When a second copy of a request is worth sending. The delay is a quantile of how long answers took lately, so that few requests are copied
 * and those are the slow ones; a budget that only requests fill keeps it so when everything is slow.
 * Source: Dean and Barroso, "The Tail at Scale" (2013), "Hedged requests".
 */
import { addTo, bucketOf, type Histogram, quantile } from "../histogram.ts";

export type Hedge = {
  /** 0 to 1. */
  readonly percentile: number;
  readonly leastMs: number;
  /** Copies for each request, at most. */
  readonly share: number;
};

/** What one isolate knows of a route's answers. Kept in place: it changes with every call. */
export type Pace = {
  /** The newest answers, and those before them, so that what is old is forgotten. */
  current: Histogram;
  previous: Histogram;
  /** How many answers are in `current`. */
  count: number;
  /** Undefined until enough answers are known. */
  delayMs: number | undefined;
  /** Copies that may be sent. */
  tokens: number;
};

export const newPace = (): Pace => ({
  current: new Map(),
  previous: new Map(),
  count: 0,
  delayMs: undefined,
  tokens: 0,
});

/** Fewer answers than this say nothing of a tail. */
const FEWEST = 100;
/** So many answers make one histogram: the delay rests on one to two times as many. */
const MOST = 1000;
/** The delay is worked out anew after so many. */
const EVERY = 25;
/** No more is saved up for a bad time. */
const MOST_TOKENS = 10;

/** A request came. */
export function arrived(pace: Pace, { share }: Hedge): void {
  pace.tokens = Math.min(MOST_TOKENS, pace.tokens + share);
}

/** An answer took `ms`. */
export function answered(pace: Pace, hedge: Hedge, ms: number): void {
  addTo(pace.current, bucketOf(ms));
  pace.count++;
  const first = pace.previous.size === 0;
  if (pace.count % EVERY === 0 && !(first && pace.count < FEWEST)) {
    const all: Histogram = new Map(pace.previous);
    for (const [bucket, count] of pace.current) addTo(all, bucket, count);
    pace.delayMs = Math.max(hedge.leastMs, quantile(all, hedge.percentile) ?? 0);
  }
  if (pace.count < MOST) return;
  pace.previous = pace.current;
  pace.current = new Map();
  pace.count = 0;
}

/** The last copies are for those that have waited for two delays: noise makes many late by little, and would leave them none. */
const KEPT = 3;

/** Takes leave to send one copy, for a request that has waited for so many delays. */
export function takeCopy(pace: Pace, delays = 2): boolean {
  if (pace.tokens < (delays > 1 ? 1 : 1 + KEPT)) return false;
  pace.tokens--;
  return true;
}
