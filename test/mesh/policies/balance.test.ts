import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../mesh/outcome.ts";
import {
  type Balance,
  begin,
  chances,
  end,
  type Group,
  group,
  learnHealth,
  pick,
  type Place,
} from "../../../mesh/policies/balance.ts";
import { hashOf } from "../../../mesh/policies/hashing.ts";
import { underWay } from "../../../mesh/policies/in-flight.ts";

const places = (count: number, over: (index: number) => Partial<Place> = () => ({})): Place[] =>
  Array.from({ length: count }, (_, index) => ({ address: `http://e${index}`, weight: 1, ...over(index) }));
const policy = (over: Partial<Balance> = {}): Balance => ({
  strategy: { kind: "random" },
  panic: 0.5,
  zones: true,
  slowStartMs: 0,
  ...over,
});
const made = (all: readonly Place[], zone = "") => group(all, undefined, zone, true, 0);
/** A sequence of numbers from 0 to 1, the same each time (mulberry32). */
function numbers(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
const subject = (random = numbers(), tried: readonly number[] = [], key?: number) => ({ random, tried, key });
const counts = (of: Group, how: Balance, times: number, now = 0, next = subject()) => {
  const result = of.members.map(() => 0);
  for (let time = 0; time < times; time++) result[pick(of, how, next, now)!]!++;
  return result;
};

describe("picks", () => {
  it.each(["round-robin", "random", "least-request", "peak-ewma"] as const)(
    "%s: by weight while all are alike",
    (kind) => {
      const of = made(places(3, (index) => ({ weight: [1, 2, 7][index]! })));
      for (const member of of.members) member.latency = { ms: 10, at: 0 };
      const share = counts(of, policy({ strategy: { kind } }), 10_000).map((count) => count / 10_000);
      for (const [index, expected] of [0.1, 0.2, 0.7].entries()) expect(share[index]).toBeCloseTo(expected, 1);
    },
  );

  it("round-robin in strict turn where weights are the same", () => {
    const of = made(places(3));
    const turns = Array.from({ length: 7 }, () =>
      pick(of, policy({ strategy: { kind: "round-robin" } }), subject(), 0),
    );
    expect(turns).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it("least-request: the one with fewer calls under way of the two that are drawn", () => {
    const of = made(places(2));
    begin(of.members[0]!, 0);
    expect(counts(of, policy({ strategy: { kind: "least-request" } }), 100)).toEqual([0, 100]);
  });

  it("peak-ewma: the quicker of the two that are drawn, and no second call to one of which nothing is known", () => {
    const of = made(places(3));
    of.members[0]!.latency = { ms: 200, at: 0 };
    of.members[1]!.latency = { ms: 10, at: 0 };
    begin(of.members[2]!, 0);
    const [slow, quick, unknown] = counts(of, policy({ strategy: { kind: "peak-ewma" } }), 3000);
    expect([slow! < 1200, quick! > 1800, unknown]).toEqual([true, true, 0]);
  });

  it("avoids what was tried while anything else is there, even what is ejected, and tries again when nothing is", () => {
    const of = made(places(3));
    of.members[2]!.healthy = false;
    const left = (tried: number[]) => pick(of, policy(), subject(numbers(), tried), 0);
    expect([left([0]), left([0, 1]), [0, 1].includes(left([0, 1, 2])!)]).toEqual([1, 2, true]);
  });
});

/** The bar: one of ten answers 500 in 1 ms, the others 200 in about 10 ms. */
it("an endpoint that fails at once gets under 2 % of the traffic within five seconds", () => {
  const of = made(places(10));
  const how = policy({ strategy: { kind: "peak-ewma" } });
  const random = numbers();
  let [bad, all] = [0, 0];
  for (let now = 0; now < 65_000; now += 10) {
    const index = pick(of, how, subject(random), now)!;
    begin(of.members[index]!, now);
    const outcome: Outcome = index === 3 ? "failed" : "ok";
    end(of, index, how, { outcome, began: now }, now + (index === 3 ? 1 : 5 + 10 * random()));
    if (now >= 5000) [bad, all] = [bad + Number(index === 3), all + 1];
  }
  expect(bad / all).toBeLessThan(0.02);
});

describe("an endpoint that fails half of its calls, and never several in a row", () => {
  const successRate = { intervalMs: 10_000, leastEndpoints: 5, leastCalls: 20, deviations: 1.9 };
  const how = policy({
    strategy: { kind: "round-robin" },
    ejection: { failures: 5, ejectMs: 30_000, maxEjectMs: 300_000, maxEjected: 0.5, successRate },
  });
  /** A call every 10 ms until `until`; calls to `failing` fail every other time. */
  const served = (of: Group, failing: readonly number[], until: number) => {
    const calls = of.members.map(() => 0);
    for (let now = 0; now < until; now += 10) {
      const index = pick(of, how, subject(), now)!;
      begin(of.members[index]!, now);
      const outcome = failing.includes(index) && calls[index]!++ % 2 === 0 ? "failed" : "ok";
      end(of, index, how, { outcome, began: now }, now + 5);
    }
    return of;
  };

  it("goes out after the interval, beside others that succeed", () => {
    expect(chances(served(made(places(10)), [3], 9900), how, 9900)[3]).toBeCloseTo(0.1);
    expect(chances(served(made(places(10)), [3], 11_000), how, 11_000)[3]).toBe(0);
  });

  it("stays where half of the others do the same, and what cannot be carried by the rest is used in a panic", () => {
    const of = served(made(places(10)), [1, 3, 5, 7, 9], 11_000);
    expect(chances(of, how, 11_000).every((chance) => chance > 0)).toBe(true);
  });
});

describe("levels", () => {
  const sums = (of: Group, how = policy(), now = 0) => {
    const chance = chances(of, how, now);
    return of.levels.map((level) => Number(level.reduce((sum, index) => sum + chance[index]!, 0).toFixed(3)));
  };
  const ill = (of: Group, ...indices: number[]) => {
    for (const index of indices) of.members[index]!.healthy = false;
    return of;
  };
  const primaries = () => made(places(20, (index) => ({ priority: index < 10 ? 0 : 1 })));

  it.each([
    ["all are well", [], [1, 0]],
    ["enough are well for their overprovisioning", [0, 1], [1, 0]],
    ["half are well", [0, 1, 2, 3, 4], [0.7, 0.3]],
    ["none of the first is well", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1]],
  ])("when %s, the traffic goes as Envoy's would", (_, out, expected) => {
    expect(sums(ill(primaries(), ...out))).toEqual(expected);
  });

  it("in a panic an ill level is used whole: what is left could not carry it", () => {
    const of = ill(made(places(10)), 0, 1, 2, 3, 4, 5);
    expect(chances(of, policy(), 0).every((chance) => chance > 0)).toBe(true);
    expect(chances(of, policy({ panic: 0.3 }), 0).filter((chance) => chance > 0)).toHaveLength(4);
  });

  it("the own zone comes before others of the same priority, and after a lower priority; without a zone all are alike", () => {
    const mixed = places(6, (index) => ({ zone: index % 2 ? "FRA" : "IAD", priority: index < 4 ? 0 : 1 }));
    expect(made(mixed, "FRA").levels).toEqual([[1, 3], [0, 2], [5], [4]]);
    expect(made(mixed).levels).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ]);
    expect(group(mixed, undefined, "FRA", false, 0).levels).toHaveLength(2);
    expect(sums(made(mixed, "FRA"))).toEqual([1, 0, 0, 0]);
  });
});

describe("slow start", () => {
  const how = policy({ slowStartMs: 10_000 });
  it("gives a joining endpoint a share that grows to its whole, and those that were there first no ramp", () => {
    const before = made(places(3));
    expect(chances(before, how, 0)).toEqual([1 / 3, 1 / 3, 1 / 3]);
    const after = group(places(4), before, "", true, 1000);
    const shareAt = (now: number) => chances(after, how, now)[3]!;
    expect(shareAt(1000)).toBeCloseTo(0.1 / 3.1);
    expect(shareAt(6000)).toBeCloseTo(0.5 / 3.5);
    expect(shareAt(11_000)).toBeCloseTo(0.25);
    // The plan is made anew as the ramp goes on.
    expect(counts(after, how, 1000, 1000)[3]! < counts(after, how, 1000, 11_000)[3]!).toBe(true);
  });

  it("holds for one that passes its health checks again", () => {
    const of = made(places(2));
    learnHealth(of, new Set(["http://e1"]), 0);
    expect(chances(of, how, 0)).toEqual([1, 0]);
    learnHealth(of, new Set(), 20_000);
    expect(chances(of, how, 20_000)[1]).toBeCloseTo(0.1 / 1.1);
  });
});

describe("consistent hashing", () => {
  const how = (bound?: number) =>
    policy({ strategy: { kind: "hash", key: { kind: "address" }, ...(bound && { bound }) } });
  const keys = Array.from({ length: 2000 }, (_, index) => hashOf(`key-${index}`));
  const mapped = (of: Group) =>
    keys.map((key) => of.members[pick(of, how(), subject(numbers(), [], key), 0)!]!.address);

  it.each([10, 200])("of %i endpoints, only the keys of one that goes away move", (count) => {
    const all = places(count);
    const before = mapped(made(all));
    const of = made(all);
    of.members[3]!.healthy = false;
    const after = mapped(of);
    const moved = before.flatMap((address, index) => (after[index] === address ? [] : [address]));
    expect(new Set(moved)).toEqual(new Set(["http://e3"]));
    expect(after.includes("http://e3")).toBe(false);
  });

  it.each([10, 200])("of %i endpoints, each gets keys by its weight", (count) => {
    const of = made(places(count, (index) => ({ weight: index < count / 2 ? 1 : 3 })));
    const heavy = mapped(of).filter((address) => Number(address.slice(8)) >= count / 2).length;
    expect(heavy / keys.length).toBeCloseTo(0.75, 1);
  });

  it("lets no endpoint have more than its bound, and comes back to it", () => {
    const of = made(places(4));
    const key = keys[0]!;
    const first = pick(of, how(1.25), subject(numbers(), [], key), 0)!;
    begin(of.members[first]!, 0);
    begin(of.members[first]!, 0);
    const second = pick(of, how(1.25), subject(numbers(), [], key), 0)!;
    expect(second).not.toBe(first);
    end(of, first, how(1.25), { outcome: "ok", began: 0 }, 0);
    end(of, first, how(1.25), { outcome: "ok", began: 0 }, 0);
    expect(pick(of, how(1.25), subject(numbers(), [], key), 0)).toBe(first);
  });
});

/**
 * The invariant, for every order of events: a pick is a member; it is one that was not tried while there is such a one; it is
 * usable unless its whole level is in a panic or everything usable was tried; chances add up to 1; never more endpoints are
 * ejected than the cap (one at least may be, the last one never); calls under way are never negative.
 */
it("keeps its invariant whatever the order of calls, failures, health and configurations", () => {
  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("call" as const),
        outcome: fc.constantFrom<Outcome>("ok", "failed", "ignored"),
        ms: fc.integer({ min: 0, max: 9000 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("retry" as const),
        tried: fc.array(fc.nat({ max: 5 }), { maxLength: 6 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("health" as const), failing: fc.array(fc.nat({ max: 5 })) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("configure" as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
  );
  const strategy = fc.constantFrom<Balance["strategy"]>(
    { kind: "round-robin" },
    { kind: "random" },
    { kind: "least-request" },
    { kind: "peak-ewma" },
    { kind: "hash", key: { kind: "address" } },
    { kind: "hash", key: { kind: "address" }, bound: 1.25 },
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), strategy, fc.constantFrom(0.1, 0.5, 1), (run, kind, maxEjected) => {
      const successRate = { intervalMs: 1000, leastEndpoints: 3, leastCalls: 1, deviations: 1 };
      const ejection = { failures: 2, ejectMs: 1000, maxEjectMs: 5000, maxEjected, successRate };
      const how = policy({ strategy: kind, ejection, slowStartMs: 3000 });
      const random = numbers(7);
      const configured = (count: number) =>
        places(count, (index) => ({ weight: 1 + (index % 3), priority: index % 2 }));
      let of = made(configured(6));
      let now = 0;
      for (const one of run) {
        now += 137;
        const well = of.members.map(({ healthy, standing }) => healthy && now >= standing.until);
        const tried = one.do === "retry" ? one.tried : [];
        let index: number | undefined;
        if (one.do === "health") learnHealth(of, new Set(one.failing.map((failing) => `http://e${failing}`)), now);
        else if (one.do === "configure") of = group(configured(one.count), of, "", true, now);
        else index = pick(of, how, { random, tried, key: hashOf(String(now)) }, now)!;
        const level = of.levels.find((some) => some.includes(index ?? 0))!;
        const wellThere = level.filter((at) => well[at]).length;
        expect({
          "a pick is a member": index === undefined || index in of.members,
          "that was not tried": !tried.includes(index!) || of.members.every((_, at) => tried.includes(at)),
          "and is well": index === undefined || well[index] || wellThere < level.length / 2 || tried.length > 0,
        }).toEqual({ "a pick is a member": true, "that was not tried": true, "and is well": true });
        if (one.do === "call") {
          begin(of.members[index!]!, now);
          const began = now;
          now += one.ms;
          end(of, index!, how, { outcome: one.outcome, began }, now);
        }
        const out = of.members.filter(({ standing }) => now < standing.until).length;
        // A configuration with fewer endpoints may find more of them out than it would have let.
        expect(one.do !== "call" || of.members.length < 6 || out <= Math.max(1, 6 * maxEjected)).toBe(true);
        expect(chances(of, how, now).reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1);
        expect(of.members.every(({ inFlight }) => underWay(inFlight, now) >= 0)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
