import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admit, type Admitted, noLoad, refusesLow, release } from "../../../mesh/policies/shed.ts";

const comeIn = (load: ReturnType<typeof noLoad>, caller: string, times: number, now = 0) =>
  Array.from({ length: times }, () => admit(load, 10, () => caller, now)).filter((one) => one !== undefined);

describe("an isolate", () => {
  it("takes in as many as its cap, and others once one has been answered", () => {
    const load = noLoad();
    const [first] = comeIn(load, "a", 12);
    expect(comeIn(load, "a", 1)).toEqual([]);
    release(load, first!, 1);
    expect(comeIn(load, "a", 2, 1).length).toBe(1);
  });

  it("asks who calls only when half of the cap is in use", () => {
    const load = noLoad();
    const unasked = (): string => {
      throw new Error("not to be asked");
    };
    for (let time = 0; time < 5; time++) expect(admit(load, 10, unasked, 0)).toBeDefined();
    expect(() => admit(load, 10, unasked, 0)).toThrow("not to be asked");
  });

  it("gives what comes free to those that have less than their share", () => {
    const load = noLoad();
    const greedy = comeIn(load, "greedy", 20);
    for (const one of greedy.slice(0, 4)) release(load, one, 0);
    expect(comeIn(load, "other", 1).length).toBe(1);
    // Five of its own are counted: half of the cap, which is what two callers have each.
    expect([comeIn(load, "greedy", 1).length, comeIn(load, "other", 9).length]).toEqual([0, 3]);
  });

  it("refuses what is of low priority from half of the cap on", () => {
    const load = noLoad();
    const answers = Array.from({ length: 7 }, () => (comeIn(load, "a", 1), refusesLow(load, 10, 0)));
    expect(answers).toEqual([false, false, false, false, false, true, true]);
  });

  it("does not count for ever what was never answered", () => {
    const load = noLoad();
    comeIn(load, "a", 10);
    expect([comeIn(load, "a", 1, 29_999).length, comeIn(load, "a", 20, 90_000).length]).toEqual([0, 10]);
  });
});

/**
 * The invariants: never more than the cap; a caller with others beside it gets nothing beyond its
 * share once half of the cap is in use; and a caller that has nothing there is taken in as long as the cap is not reached.
 */
it("keeps the cap and the shares, whoever comes and goes", () => {
  const step = fc.record({ caller: fc.constantFrom("a", "b", "c"), leaves: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const load = noLoad();
      const inside: Admitted[] = [];
      for (const { caller, leaves, which } of steps) {
        if (leaves) {
          const [gone] = inside.splice(which % Math.max(1, inside.length), 1);
          if (gone) release(load, gone, 0);
          continue;
        }
        const named = (name: string) => inside.filter((one) => one.caller === name).length;
        const others = ["a", "b", "c"].filter((name) => name !== caller && named(name) > 0).length;
        const admitted = admit(load, 10, () => caller, 0);
        const beyond = inside.length >= 5 && named(caller) >= Math.max(1, Math.floor(10 / (others + 1)));
        expect(admitted !== undefined).toBe(inside.length < 10 && !beyond);
        if (admitted) inside.push(admitted);
      }
    }),
  );
});
