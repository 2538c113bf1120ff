import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Breaker, type BreakerPolicy, probe, settle } from "../../../mesh/policies/breaker.ts";
import {
  callersOf,
  type FleetCircuit,
  hear,
  NOTHING_HEARD,
  onceMs,
  type Word,
} from "../../../mesh/policies/fleet-circuit.ts";

const policy = { failures: 5, failureRatio: 0.5, windowMs: 10_000, openMs: 1000, maxOpenMs: 4000, probes: 1 };
/** A caller is forgotten when it was not heard of for so long. */
const SEEN_MS = 20_000;
let seq = 0;

type Said = readonly [source: string, ok: number, failed: number, more?: Partial<Word> & { readonly at?: number }];
const after = (said: readonly Said[], rules: BreakerPolicy = policy, from = NOTHING_HEARD): FleetCircuit =>
  said.reduce((circuit, [source, ok, failed, { at = 0, ...more } = {}]) => {
    return hear(circuit, { source, seq: ++seq, ok, failed, ageMs: 0, ...more }, rules, at);
  }, from);
const tripped = { openMs: 1000 };
/** `count` isolates, named from `first` on. */
const all = (count: number, said: readonly [number, number, typeof tripped?], first = 0): readonly Said[] =>
  Array.from({ length: count }, (_, index) => [`i${first + index}`, ...said]);

describe("the fleet's circuit", () => {
  it.each<[string, readonly Said[], Breaker["kind"]]>([
    ["opens on the failures of the only one that calls", [["a", 0, 5]], "open"],
    ["opens when the only one has opened by itself, whatever its window holds", [["a", 400, 5, tripped]], "open"],
    ["stays closed on too few failures of the only one", [["a", 0, 4]], "closed"],
    [
      "stays closed whatever one says while another is well",
      [
        ["b", 1, 0],
        ["a", 0, 90, tripped],
      ],
      "closed",
    ],
    [
      "opens when both fail",
      [
        ["b", 1, 0],
        ["a", 0, 5],
        ["b", 0, 1],
      ],
      "open",
    ],
    [
      "opens when both have opened, though they served thousands before",
      [
        ["a", 5000, 5, tripped],
        ["b", 5000, 5, tripped],
      ],
      "open",
    ],
    ["stays closed when two of twenty have opened", [...all(18, [50, 0]), ...all(2, [0, 5, tripped], 18)], "closed"],
    ["opens when half of twenty have", [...all(10, [50, 0]), ...all(10, [0, 5, tripped], 10)], "open"],
    ["stays closed when one less has", [...all(11, [50, 0]), ...all(9, [0, 5, tripped], 11)], "closed"],
    [
      "opens when two of twenty carry half of all calls, and these fail",
      [...all(18, [1, 0]), ...all(2, [0, 9], 18)],
      "open",
    ],
    [
      "forgets one that was not heard of for long",
      [
        ["b", 1, 0],
        ["a", 0, 5, { ...tripped, at: SEEN_MS }],
      ],
      "open",
    ],
    [
      "and not before",
      [
        ["b", 1, 0],
        ["a", 0, 5, { ...tripped, at: SEEN_MS - 1 }],
      ],
      "closed",
    ],
    [
      "takes one back that has closed again",
      [
        ["c", 90, 0],
        ["a", 0, 5, tripped],
        ["a", 1, 0],
        ["b", 0, 5, tripped],
      ],
      "closed",
    ],
  ])("%s", (_, said, kind) => {
    expect(after(said).breaker.kind).toBe(kind);
  });

  it.each<[number, number, Breaker["kind"]]>([
    [5, 1, "closed"],
    [9, 1, "closed"],
    [10, 1, "open"],
    [1, 20, "closed"],
    [2, 5, "closed"],
    [4, 5, "open"],
  ])(
    "of twenty with a call a second each, %i that told of %i failures within one leave it closed or open: %s",
    (told, failed, kind) => {
      const paced = after([
        ...all(20, [1, 0]),
        ...all(20, [10, 0]).map(([id, ...said]): Said => [id, said[0], said[1], { at: 10_000 }]),
      ]);
      const failing = all(told, [0, failed]).map(([id, ...said]): Said => [id, said[0], said[1], { at: 11_000 }]);
      expect(after(failing, policy, paced).breaker.kind).toBe(kind);
    },
  );

  it("does not count what an isolate had opened for before the circuit closed", () => {
    const open = after([
      ["a", 0, 5, tripped],
      ["b", 0, 5, tripped],
    ]);
    const half = probe(open.breaker, "p", 500, policy, 1000).state;
    const closedAgain = { ...open, breaker: settle(half, "p", "ok", policy, 1200) };
    const later = after([["c", 0, 1, { ...tripped, at: 1300 }]], policy, closedAgain);
    expect(later.breaker.kind).toBe("closed");
    expect(callersOf(later, 1300)).toEqual({ seen: 3, open: ["c"] });
    const stale = after([["b", 0, 9, { ...tripped, at: 1400, ageMs: 300 }]], policy, later);
    expect([stale.breaker.kind, callersOf(stale, 1400).open]).toEqual(["closed", ["c"]]);
  });

  it("remembers five hundred callers, those that it heard of last", () => {
    const circuit = after([...all(600, [1, 0]), ["last", 1, 0, { at: 1 }]]);
    expect(callersOf(circuit, 1).seen).toBe(500);
    expect(circuit.callers).toHaveProperty("last");
  });
});

describe("retries of the fleet", () => {
  it.each<[string, readonly Said[], number]>([
    ["may be made while all is well", [["a", 90, 0]], 0],
    ["may be made while a quarter of the calls fails", [["a", 15, 5]], 0],
    ["may be made while few calls fail", [["a", 4, 4]], 0],
    ["are cut off when more fail", [["a", 14, 5]], 2000],
    [
      "wait for the longest time that the backend asked for",
      [
        ["a", 1, 0, { holdMs: 9000 }],
        ["b", 1, 0, { holdMs: 4000 }],
      ],
      9000,
    ],
    ["wait for five minutes at most", [["a", 1, 0, { holdMs: 1e9 }]], 300_000],
  ])("%s", (_, said, ms) => {
    expect(onceMs(after(said), policy, 0)).toBe(ms);
  });

  it("are cut off for a window, and held through an open circuit", () => {
    const cut = after([["a", 14, 5]]);
    expect(onceMs(after([["a", 1, 0, { at: 10_001 }]], policy, cut), policy, 10_001)).toBe(0);
    expect(onceMs(after([["a", 0, 5, { holdMs: 9000 }]]), policy, 4000)).toBe(5000);
  });
});

/**
 * The invariant, for every order, loss and repetition of words, over any number of isolates:
 *  1. no isolate alone opens it while another was heard of: two have told of failures since it closed, within the window or by being open;
 *  2. the two tiers agree: after a word of failure, a circuit whose callers have all opened by themselves is not closed;
 *  3. a minority cannot open it while neither the window nor the last second fails;
 *  4. nobody counts who was silent for SEEN_MS beyond the time that it said it would be open.
 */
it("keeps its invariant whatever its callers say, and in whatever order", () => {
  const words = fc.array(
    fc.record({
      waitMs: fc.constantFrom(0, 0, 1, 700, 3000, SEEN_MS + 1),
      source: fc.constantFrom("a", "b", "c", "d", "e"),
      back: fc.constantFrom(0, 0, 0, 1, 5),
      ok: fc.nat({ max: 6 }),
      failed: fc.constantFrom(0, 1, 3, 5),
      ageMs: fc.constantFrom(0, 0, 500, 3000),
      openMs: fc.constantFrom(undefined, undefined, 0, 1000, 4000),
      probes: fc.boolean(),
    }),
    { minLength: 30, maxLength: 80 },
  );
  fc.assert(
    fc.property(words, (said) => {
      let circuit = NOTHING_HEARD;
      let now = 1;
      let number = 0;
      let lost = 0;
      /** The test's own book: the newest word that was taken from each, and when it told of failures that count. */
      const book = new Map<string, { seq: number; until: number; open: boolean; badAt: number }>();
      for (const { waitMs, source, back, ok, failed, ageMs, openMs, probes } of said) {
        now += waitMs;
        const before = circuit.breaker;
        // No word is on its way for longer than a caller is remembered.
        if (waitMs > SEEN_MS) lost = number;
        const mine = Math.max(lost + 1, ++number - back);
        const word = { source, seq: mine, ok, failed, ageMs, ...(openMs !== undefined && { openMs }) };
        circuit = JSON.parse(JSON.stringify(hear(circuit, word, policy, now))) as FleetCircuit;
        const known = book.get(source);
        const taken = mine > (known?.seq ?? 0);
        const counts = taken && before.kind === "closed" && now - ageMs >= before.since && failed > 0;
        if (taken)
          book.set(source, {
            seq: mine,
            until: now + (openMs ?? 0) + SEEN_MS,
            open: openMs !== undefined,
            badAt: counts ? now : known && now < known.until ? known.badAt : -1,
          });

        const present = [...book.values()].filter(({ until }) => now < until);
        const since = before.kind === "closed" ? before.since : Infinity;
        const bad = present.filter(({ badAt }) => badAt >= since);
        const open = bad.filter((one) => one.open).length;
        const lately = bad.filter(({ badAt }) => badAt > now - policy.windowMs).length;
        const opened = before.kind === "closed" && circuit.breaker.kind !== "closed";
        expect({
          "nobody alone": !opened || Math.max(open, lately) >= Math.min(2, present.length),
          "the tiers agree": !counts || open < present.length || opened,
          "no minority by itself": !opened || open * 2 >= present.length || lately >= Math.min(2, present.length),
          "only on news": !opened || counts,
        }).toEqual({
          "nobody alone": true,
          "the tiers agree": true,
          "no minority by itself": true,
          "only on news": true,
        });
        expect(callersOf(circuit, now).seen).toBe(present.length);

        if (!probes || circuit.breaker.kind === "closed") continue;
        const step = probe(circuit.breaker, `p${number}`, 500, policy, now);
        const next = step.granted ? settle(step.state, `p${number}`, "ok", policy, ++now) : step.state;
        circuit = { ...circuit, breaker: next };
      }
    }),
    { numRuns: 1000 },
  );
});
