import fc from "fast-check";
import { expect, it } from "vitest";
import { newShelf, put, remove } from "../../../mesh/policies/shelf.ts";
import type { Kept } from "../../../mesh/policies/stale-serve.ts";

const MIB = 1024 * 1024;
const answer = (bytes: number): Kept => ({
  kind: "answer",
  status: 200,
  headers: [{ name: "a", value: "b" }],
  body: new Uint8Array(bytes),
  bornAt: 0,
  freshMs: 1,
  staleMs: 1,
  open: false,
});

it("what was put there first goes first when there is no room", () => {
  const shelf = newShelf();
  for (const key of ["a", "b", "c"]) put(shelf, key, answer(2 * MIB));
  put(shelf, "a", answer(2 * MIB));
  put(shelf, "d", answer(3 * MIB));
  expect([...shelf.entries.keys()]).toEqual(["c", "a", "d"]);
});

it("what has no room at all is not kept, and takes nothing's place but its own", () => {
  const shelf = newShelf();
  for (const key of ["a", "b"]) put(shelf, key, answer(MIB));
  put(shelf, "a", answer(9 * MIB));
  expect([...shelf.entries.keys()]).toEqual(["b"]);
});

// Invariant: never more than it may hold, and what it says it holds is what it holds.
it("never holds more than eight mebibytes", () => {
  const change = fc.record({
    key: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    bytes: fc.option(fc.nat({ max: 5 * MIB }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const shelf = newShelf();
      for (const { key, bytes } of changes) {
        if (bytes === undefined) remove(shelf, key);
        else put(shelf, key, answer(bytes));
        const bodies = [...shelf.entries.values()].reduce(
          (sum, entry) => sum + (entry.kind === "answer" ? entry.body.length : 0),
          0,
        );
        expect(shelf.bytes).toBeGreaterThanOrEqual(bodies);
        expect(shelf.bytes).toBeLessThanOrEqual(8 * MIB);
      }
      for (const key of shelf.entries.keys()) remove(shelf, key);
      expect(shelf.bytes).toBe(0);
    }),
    { numRuns: 50 },
  );
});
