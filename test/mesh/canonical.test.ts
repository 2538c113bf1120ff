import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../mesh/canonical.ts";

describe("canonical JSON", () => {
  it("does not depend on the order of keys, and loses nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const canonical = canonicalJson(value);
        expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(canonical))).toBe(canonical);
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(canonicalJson({ b: 1, a: { d: 1, c: undefined } })).toBe('{"a":{"d":1},"b":1}');
  });

  it("keeps a key named __proto__ a key", () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1},"b":1}');
  });

  it("orders keys by code unit, as every machine does", () => {
    expect(canonicalJson({ é: 1, z: 1, Z: 1, a: 1 })).toBe('{"Z":1,"a":1,"z":1,"é":1}');
  });
});
