import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Adaptive,
  allowed,
  beginCall,
  endCall,
  type Ended,
  type Limiter,
  newLimiter,
} from "../../../mesh/policies/adaptive.ts";
import { underWay } from "../../../mesh/policies/in-flight.ts";

const policy: Adaptive = { least: 3, most: 1000, tolerance: 1.25, measureEveryMs: 30_000 };

/** A sequence of numbers from 0 to 1, the same each time (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A backend of so many servers and one queue; each call takes a server for `serviceMs`, a fifth more or less. */
type Upstream = { servers: number; serviceMs: number };
type Second = { readonly limit: number; readonly underWay: number; readonly served: number; readonly ms: number };

/**
 * Isolates that share a backend, under a load in calls a second that `at` may change with the backend; by the second. `ms` is
 * the mean time of the answers.
 */
function simulated(
  {
    isolates,
    seconds,
    perSecond,
    upstream,
  }: {
    readonly isolates: number;
    readonly seconds: number;
    readonly perSecond: (second: number) => number;
    readonly upstream: (second: number) => Upstream;
  },
  seed: number,
  how = policy,
): Second[] {
  const random = numbers(seed);
  const limiters = Array.from({ length: isolates }, () => newLimiter(how, 0));
  const queue: { readonly by: Limiter; readonly began: number }[] = [];
  let busy: { readonly by: Limiter; readonly began: number; readonly endsAt: number }[] = [];
  const result: Second[] = [];
  let [served, sumMs, due] = [0, 0, 0];
  for (let now = 0; now < seconds * 1000; now++) {
    const second = Math.floor(now / 1000);
    const { servers, serviceMs } = upstream(second);
    const done = busy.filter(({ endsAt }) => endsAt <= now);
    if (done.length > 0) busy = busy.filter(({ endsAt }) => endsAt > now);
    for (const { by, began } of done) {
      endCall(by, how, "answered", began, now);
      served++;
      sumMs += now - began;
    }
    for (due += perSecond(second) / 1000; due >= 1; due--) {
      const by = limiters[Math.floor(random() * isolates)]!;
      if (beginCall(by, how, now)) queue.push({ by, began: now });
    }
    while (busy.length < servers && queue.length > 0)
      busy.push({ ...queue.shift()!, endsAt: now + Math.round(serviceMs * (0.8 + 0.4 * random())) });
    if (now % 1000 === 999) {
      const limit = limiters.reduce((sum, one) => sum + one.limit, 0);
      result.push({ limit, underWay: busy.length + queue.length, served, ms: served === 0 ? 0 : sumMs / served });
      [served, sumMs] = [0, 0];
    }
  }
  return result;
}
/** Fifty calls at once are all that the backend can do; three times as many come. */
const FULL: Upstream = { servers: 50, serviceMs: 50 };
const overloaded = { seconds: 120, perSecond: () => 3000, upstream: () => FULL };
const mean = (run: readonly Second[], of: (one: Second) => number) =>
  run.reduce((sum, one) => sum + of(one), 0) / run.length;

describe("under three times the load that its backend can carry,", () => {
  it("one isolate has as many calls there as keep it busy, and hardly more", () => {
    const run = simulated({ ...overloaded, isolates: 1 }, 1).slice(10);
    expect(Math.min(...run.map(({ underWay: calls }) => calls))).toBeGreaterThan(25);
    expect(Math.max(...run.map(({ underWay: calls }) => calls))).toBeLessThan(100);
    // A thousand a second is all there is; measurements cost a part of one second in thirty.
    expect(mean(run, ({ served }) => served)).toBeGreaterThan(970);
    expect(mean(run, ({ ms }) => ms)).toBeLessThan(80);
  });

  it("five isolates that know nothing of each other come to the same, and do not drift", () => {
    const run = simulated({ ...overloaded, isolates: 5, seconds: 400 }, 2).slice(40);
    expect(Math.max(...run.map(({ underWay: calls }) => calls))).toBeLessThan(150);
    expect(mean(run, ({ served }) => served)).toBeGreaterThan(970);
    expect(mean(run.slice(-60), ({ ms }) => ms)).toBeLessThan(100);
  });
});

describe("when the backend changes,", () => {
  const changed = (isolates: number, to: Upstream) =>
    simulated(
      {
        isolates,
        seconds: 240,
        perSecond: () => 3000,
        upstream: (second) => (second >= 70 && second < 130 ? to : FULL),
      },
      3,
    );

  it.each([1, 5])(
    "%i isolates shrink within seconds to what is left of it, and are back as soon as it is",
    (isolates) => {
      const run = changed(isolates, { servers: 10, serviceMs: 50 });
      expect(mean(run.slice(60, 70), ({ underWay: calls }) => calls)).toBeGreaterThan(50);
      const shrunk = run.slice(75, 130);
      expect(Math.max(...shrunk.map(({ underWay: calls }) => calls))).toBeLessThan(50);
      expect(mean(shrunk, ({ served }) => served)).toBeGreaterThan(180);
      expect(mean(run.slice(132), ({ served }) => served)).toBeGreaterThan(950);
    },
  );

  it.each([1, 5])(
    "%i isolates find with the next measurement that it takes longer by itself, and keep it busy",
    (isolates) => {
      const run = changed(isolates, { servers: 50, serviceMs: 200 });
      // Of 250 a second. Until then they have a few calls each: what they cannot tell from a queue, they take for one.
      expect(mean(run.slice(93, 130), ({ served }) => served)).toBeGreaterThan(225);
      expect(mean(run.slice(132), ({ served }) => served)).toBeGreaterThan(950);
      expect(mean(run.slice(-30), ({ ms }) => ms)).toBeLessThan(150);
    },
  );
});

it("a load that the backend can carry is never refused", () => {
  const run = simulated({ isolates: 3, seconds: 100, perSecond: () => 300, upstream: () => FULL }, 4);
  expect(mean(run, ({ served }) => served)).toBeGreaterThan(295);
});

/** The invariant: what is allowed is never below the least nor above the most, and no more calls begin than it allows. */
it("keeps its bounds whatever happens", () => {
  const step = fc.record({
    waitMs: fc.nat({ max: 400 }),
    begins: fc.nat({ max: 30 }),
    ends: fc.nat({ max: 30 }),
    as: fc.constantFrom<Ended>("answered", "answered", "dropped", "ignored"),
    /** Callers that left: nobody hears of their calls again. */
    lost: fc.nat({ max: 3 }),
  });
  const bounds = fc.record({ least: fc.integer({ min: 1, max: 10 }), more: fc.nat({ max: 100 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), bounds, (steps, { least, more }) => {
      const how: Adaptive = { least, most: least + more, tolerance: 1.25, measureEveryMs: 5000 };
      let now = 1_000_000;
      const limiter = newLimiter(how, now);
      let calls: number[] = [];
      for (const { waitMs, begins, ends, as, lost } of steps) {
        now += waitMs;
        for (let begun = 0; begun < begins; begun++) {
          const before = underWay(limiter.inFlight, now);
          const may = beginCall(limiter, how, now);
          expect(may).toBe(before < allowed(limiter, how));
          if (may) calls.push(now);
        }
        calls = calls.slice(lost);
        for (const began of calls.splice(0, ends)) endCall(limiter, how, as, began, now);
        expect(allowed(limiter, how)).toBeGreaterThanOrEqual(least);
        expect(allowed(limiter, how)).toBeLessThanOrEqual(least + more);
      }
    }),
    { numRuns: 300 },
  );
});
