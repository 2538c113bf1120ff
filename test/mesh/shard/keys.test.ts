import { describe, expect, it } from "vitest";
import { keysOf } from "../../../mesh/shard/keys.ts";
import type { Candidate } from "../../../mesh/snapshot.ts";

const list = (count: number, of: (n: number) => Omit<Candidate, "rule">): Candidate[] =>
  Array.from({ length: count }, (_, rule) => ({ rule, ...of(rule) }));
const by = (name: string, value: string, regex?: true) => ({ name, value, ...(regex && { regex }) });

const shown = (candidates: readonly Candidate[]): string[] =>
  keysOf(candidates).map(({ by: kind, name, values }) => {
    const [[, first] = []] = values;
    return `${kind} ${name} ${values.size}: ${first?.join()}`;
  });

describe("a list of candidates", () => {
  it.each<[string, Candidate[], string[]]>([
    ["is not cut up while it is short", list(16, (n) => ({ headers: [by("x", `${n}`)] })), []],
    [
      "by the header that tells them apart",
      list(20, (n) => ({ headers: [by("x", `${n >> 1}`)] })),
      ["header x 10: 0,1", "none  1: "],
    ],
    ["by a query parameter", list(20, (n) => ({ query: [by("q", `${n}`)] })), ["query q 20: 0", "none  1: "]],
    [
      "by what has more values",
      list(20, (n) => ({ headers: [by("few", `${n % 2}`), by("most", `${n}`)], query: [by("q", `${n % 9}`)] })),
      ["header most 20: 0", "none  1: "],
    ],
    [
      "by several, each for those that the ones before it left",
      list(40, (n) => ({ headers: [by(n % 4 === 0 ? "y" : "x", `${n}`)] })),
      ["header x 30: 1", "header y 10: 0", "none  1: "],
    ],
    [
      "leaving those that ask for no value, or not for an exact one",
      list(20, (n) => (n < 2 ? {} : { headers: [by("x", `${n}`, n < 5 ? true : undefined)] })),
      ["header x 15: 5", "none  1: 0,1,2,3,4"],
    ],
    ["not by what has few values", list(20, (n) => ({ headers: [by("x", `${n % 7}`)] })), []],
    ["not by what a shard's search does not read", list(20, (n) => ({ headers: [by("x", `ü${n}`)] })), []],
  ])("%s", (_, given, expected) => {
    expect(shown(given)).toEqual(expected);
  });

  it("has each candidate under one key", () => {
    const all = list(200, (n) => ({ headers: [by(`h${n % 13}`, `${n}`)], query: [by("q", `${n % 12}`)] }));
    const places = keysOf(all).flatMap(({ values }) => [...values.values()].flat());
    expect(places.toSorted((a, b) => a - b)).toEqual(all.map((_, n) => n));
  });
});
