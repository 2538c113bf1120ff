import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compared, type Heard, type MirrorCompare } from "../../../mesh/policies/mirror-compare.ts";

const compare = (more: Partial<MirrorCompare> = {}): MirrorCompare => ({
  rule: "shop/cart/0",
  headers: ["content-type"],
  ignore: [],
  maxBytes: 100,
  ...more,
});
const heard = (
  value: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): Heard => ({ status, header: (name) => headers[name] ?? null, body: { kind: "json", value } });

/** Each difference as a line. */
const lines = (one: Heard, other: Heard, more: Partial<MirrorCompare> = {}) =>
  compared(compare(more), one, other).differences.map(({ at, primary, mirror }) => `${at}: ${primary} | ${mirror}`);

describe("two answers", () => {
  it.each<[string, Heard, Heard, string[]]>([
    ["that are the same", heard({ a: [1, { b: null }] }), heard({ a: [1, { b: null }] }), []],
    ["whose names stand in another order", heard({ a: 1, b: 2 }), heard({ b: 2, a: 1 }), []],
    ["of other statuses", heard(1), heard(1, { status: 500 }), ["status: 200 | 500"]],
    [
      "with another header",
      heard(1, { headers: { "content-type": "a", "x-b": "1" } }),
      heard(1),
      ['header content-type: "a" | absent'],
    ],
    ["with another value", heard({ a: { b: "x" } }), heard({ a: { b: "y" } }), ['/a/b: "x" | "y"']],
    ["with more in them", heard({ a: [1] }), heard({ a: [1, 2], c: null }), ["/a/1: absent | 2", "/c: absent | null"]],
    ["of another kind", heard({ a: [] }), heard({ a: {} }), ["/a: […] | {…}"]],
    ["with names that pointers escape", heard({ "a/b~": 1 }), heard({ "a/b~": 2 }), ["/a~1b~0: 1 | 2"]],
    [
      "with a name that objects have anyway",
      heard({}),
      heard(JSON.parse('{"__proto__":1}')),
      ["/__proto__: absent | 1"],
    ],
    ["that are no objects", heard(1), heard("1"), ['body: 1 | "1"']],
    [
      "of which one is no JSON",
      heard(1),
      { ...heard(1), body: { kind: "other" } },
      ['kind of body: "JSON" | "not JSON"'],
    ],
  ])("%s", (_, one, other, expected) => {
    expect(lines(one, other)).toEqual(expected);
  });

  it.each<[string, string[]]>([
    ["/id", ["/items/0/at: 1 | 2", "/items/0/n: 1 | 2"]],
    ["/items/*/at", ["/id: 1 | 2", "/items/0/n: 1 | 2"]],
    ["/items", ["/id: 1 | 2"]],
    ["/*", []],
    ["/items/0", ["/id: 1 | 2"]],
    ["/at", ["/id: 1 | 2", "/items/0/at: 1 | 2", "/items/0/n: 1 | 2"]],
  ])("without what is at %s", (ignored, expected) => {
    const one = heard({ id: 1, items: [{ at: 1, n: 1 }] });
    const other = heard({ id: 2, items: [{ at: 2, n: 2 }] });
    expect(lines(one, other, { ignore: [ignored] })).toEqual(expected);
  });

  it("of which one could not be read are compared by the rest, and that is said", () => {
    const unread: Heard = { ...heard(1), body: { kind: "unread" } };
    expect(compared(compare(), unread, heard(1))).toEqual({ differences: [], whole: false });
    expect(compared(compare(), heard(1, { status: 404 }), unread).differences).toHaveLength(1);
  });

  it("that differ in much are told by a few, and long values by their beginning", () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`n${n}`, n]));
    expect(lines(heard(many), heard({}))).toHaveLength(10);
    expect(lines(heard("x".repeat(1000)), heard(""))[0]?.length).toBeLessThan(100);
  });

  it("are compared however deep they are", () => {
    const deep = (end: string) => JSON.parse(`${"[".repeat(5000)}${end}${"]".repeat(5000)}`) as unknown;
    expect(lines(heard(deep("1")), heard(deep("2")))).toHaveLength(1);
    expect(lines(heard(deep("1")), heard(deep("1")))).toEqual([]);
  });
});

// Two bodies differ if, and only if, they are not the same JSON; which of them is the mirror's does not matter.
it("bodies are found the same if and only if they are", () => {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    );
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), fc.boolean(), (a, b, again) => {
      // Through JSON, as bodies come: there is no -0.
      const one = JSON.parse(JSON.stringify(a)) as unknown;
      const other = JSON.parse(JSON.stringify(again ? a : b)) as unknown;
      const isSame = text(one) === text(other);
      expect(lines(heard(one), heard(other)).length === 0).toBe(isSame);
      expect(lines(heard(other), heard(one)).length === 0).toBe(isSame);
    }),
  );
});
