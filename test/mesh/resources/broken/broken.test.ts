import { describe, expect, it } from "vitest";
import { readFiles } from "../../../../mesh/resources/read.ts";
import { unmarked } from "./broken.ts";
import { CORPUS } from "./corpus.ts";

describe.each(Object.entries(CORPUS))("%s", (_, cases) => {
  it.each(cases)("%s", (_title, marked, ...expected) => {
    const { text, places } = unmarked(marked);
    const { problems } = readFiles([{ name: "broken.yaml", text }]);
    const found = problems.map(({ at, code, path = "" }) => [at && `${at.line}:${at.col}`, `${code} ${path}`]);
    // Where one place has several faults, its mark counts for the last of them too.
    expect(found).toEqual(expected.map((problem, index) => [places[Math.min(index, places.length - 1)], problem]));
  });
});

it("is a corpus of more than 120 cases", () => {
  const all = Object.values(CORPUS).flat();
  expect(all.length).toBeGreaterThan(120);
  expect(new Set(all.map(([title]) => title)).size).toBe(all.length);
});
