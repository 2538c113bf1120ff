/**
 * The invariant (ARCHITECTURE §8.2): in EVERY window, admitted <= burst + rate x window; with an overdraft, burst + overdraft + rate x
 * window. After every message sum of rates <= rate and level + sum of what may be held <= burst.
 * Runs: isolates whose clocks differ and drift, that forget and are replaced; messages lost, late and repeated; objects restarted
 * from what they stored, on machines whose clocks are seconds apart; instances that go on answering after they were replaced; regions
 * between isolates and the root.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Scenario, simulate } from "../../simulation/limits/simulate.ts";

const optional = (value: fc.Arbitrary<number>) => fc.option(value, { nil: undefined });
const scenario = (overdraft: fc.Arbitrary<number>): fc.Arbitrary<Scenario> =>
  fc
    .record({
      seed: fc.nat(),
      isolates: fc.integer({ min: 1, max: 30 }),
      rate: fc.integer({ min: 1, max: 300 }),
      burst: fc.integer({ min: 1, max: 300 }),
      overdraft,
      load: fc.constantFrom(0.3, 0.9, 1.5, 3),
      skew: fc.constantFrom(0, 0.8, 1.2),
      roundTripMs: fc.constantFrom(2, 60, 250),
      loss: fc.constantFrom(0, 0.01, 0.2),
      duplicates: fc.constantFrom(0, 0.2),
      restartEveryMs: optional(fc.integer({ min: 300, max: 6000 })),
      zombie: fc.constantFrom(0, 0.5),
      forgetEveryMs: optional(fc.integer({ min: 500, max: 10_000 })),
      drift: fc.constantFrom(0, 0.01),
      apartMs: fc.constantFrom(0, 5000),
      regions: fc.constantFrom(0, 0, 3),
      bursts: fc.constantFrom(undefined, { times: 10, everyMs: 2000 }),
    })
    .map(({ restartEveryMs, forgetEveryMs, bursts, ...rest }) => ({
      ...rest,
      seconds: 8,
      warmUpSeconds: 0,
      check: true,
      ...(restartEveryMs !== undefined && { restartEveryMs }),
      ...(forgetEveryMs !== undefined && { forgetEveryMs }),
      ...(bursts && { bursts }),
    }));

it("Strict limits never over-admit", () => {
  fc.assert(
    fc.property(scenario(fc.constant(0)), (run) => {
      const { excess, broken } = simulate(run);
      expect({ excess, broken }).toEqual({ excess: 0, broken: 0 });
    }),
    { numRuns: 250 },
  );
});

it("Strict limits never over-admit when an object moves between machines whose clocks are five seconds apart", () => {
  const scenario = {
    isolates: 4,
    rate: 30,
    burst: 30,
    load: 2,
    skew: 0,
    roundTripMs: 10,
    seconds: 12,
    warmUpSeconds: 0,
  };
  const moving = { ...scenario, restartEveryMs: 1700, zombie: 0.5, apartMs: 5000 };
  const runs = Array.from({ length: 40 }, (_, seed) => simulate({ ...moving, seed }));
  expect(Math.max(...runs.map(({ excess }) => excess))).toBe(0);
});

it("Bounded limits over-admit by their overdraft at most", () => {
  fc.assert(
    fc.property(scenario(fc.constantFrom(0.1, 0.5)), (run) => {
      const { excess } = simulate(run);
      expect(excess).toBeLessThanOrEqual(run.burst * (run.overdraft ?? 0) + 1e-6);
    }),
    { numRuns: 150 },
  );
});

describe("of a limit of 5,000/s, isolates by Zipf's law", () => {
  const limit = { seed: 1, rate: 5000, burst: 5000, skew: 1, seconds: 15, warmUpSeconds: 5, roundTripMs: 60 };
  it.each([
    [100, 0.97, 30, 0],
    [1000, 0.92, 200, 0],
    [10_000, 0.85, 500, 9],
  ])(
    "%i isolates at 0.9 of it are admitted %d of the ideal with %i calls per 1,000",
    (isolates, ratio, calls, regions) => {
      const run = simulate({ ...limit, isolates, load: 0.9, regions });
      expect(run.admitted / run.ideal).toBeGreaterThanOrEqual(ratio);
      expect((1000 * run.calls) / run.arrivals).toBeLessThanOrEqual(calls);
      expect(run).toMatchObject({ excess: 0, p50: 0 });
    },
  );

  it("which is restarted every ten seconds loses little", () => {
    const run = simulate({ ...limit, isolates: 100, load: 0.9, seconds: 25, restartEveryMs: 10_000, zombie: 0.5 });
    expect(run.admitted / run.ideal).toBeGreaterThanOrEqual(0.95);
  });
});

it("One whose object is restarted every four seconds is used nearly whole", () => {
  const limit = { rate: 500, burst: 500, skew: 0, seconds: 24, warmUpSeconds: 4, roundTripMs: 3, restartEveryMs: 4000 };
  for (let seed = 1; seed <= 5; seed++) {
    const run = simulate({ ...limit, seed, isolates: 20, load: 2 });
    expect(run.admitted / run.ideal).toBeGreaterThanOrEqual(0.97);
  }
});
