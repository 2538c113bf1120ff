import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newKeys, published, rotate } from "../../mesh/signing-keys.ts";

const LIFETIME = 100;
const steps = fc.array(fc.record({ after: fc.nat(150), rotates: fc.boolean() }), { maxLength: 40 });

describe("keys that sign", () => {
  it("are published before they first sign, and for as long as anything that they signed is good", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let keys = newKeys(0, 1);
        let now = 0;
        let seen = published(keys, now);
        const signed: { key: number; at: number }[] = [];
        for (const { after, rotates } of all) {
          now += after;
          const before = seen;
          if (rotates) keys = rotate(keys, keys.next + 1, now, { lifetimeMs: LIFETIME });
          seen = published(keys, now);
          // Whoever still has what was published before knows the key that signs now.
          expect(before).toContain(keys.current);
          signed.push({ key: keys.current, at: now });
          for (const { key } of signed.filter(({ at }) => now < at + LIFETIME)) expect(seen).toContain(key);
        }
        expect(keys.previous.length).toBeLessThanOrEqual(all.length);
      }),
    );
  });

  it("that were stolen are dropped with all that they signed", () => {
    const keys = rotate(rotate(newKeys("a", "b"), "c", 0, { lifetimeMs: 9 }), "d", 1, { lifetimeMs: 9, drop: true });
    expect(published(keys, 1)).toEqual(["c", "d"]);
  });

  it("are forgotten when nothing that they signed is good any more", () => {
    const keys = rotate(newKeys("a", "b"), "c", 0, { lifetimeMs: 9 });
    expect(published(keys, 8)).toEqual(["b", "c", "a"]);
    expect(published(keys, 9)).toEqual(["b", "c"]);
    expect(rotate(keys, "d", 20, { lifetimeMs: 9 }).previous.map(({ key }) => key)).toEqual(["b"]);
  });
});
