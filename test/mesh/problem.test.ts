import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { byPlace, formatProblem, type Problem } from "../../mesh/problem.ts";
import { PROBLEM_CODES } from "../../mesh/problem-codes.ts";

const CODES = Object.keys(PROBLEM_CODES);

const sections = readFileSync(`${import.meta.dirname}/../../docs/problems.md`, "utf8")
  .split(/^## /m)
  .slice(1)
  .map((section) => ({ title: section.slice(0, section.indexOf("\n")), section }));

describe("docs/problems.md", () => {
  it("has a section for each code, in the catalogue's order", () => {
    expect(sections.map(({ title }) => title)).toEqual(CODES.map((code) => `\`${code}\``));
  });

  it.each(sections)("says of $title what it means, with an example and what to do", ({ section }) => {
    expect(section).toMatch(/\n_(error|warning)/);
    expect(section).toMatch(/\n {4}\S/);
    expect(section).toMatch(/\n\*\*Do:\*\* \S/);
  });
});

const at = (file: string, line: number, col: number) => ({ file, line, col });
const problem: Problem = { severity: "error", code: "unknown-key", message: "unknown key" };

it.each<[Partial<Problem>, string]>([
  [{}, "error [unknown-key] unknown key"],
  [{ at: at("a.yaml", 1, 2) }, "a.yaml:1:2: error [unknown-key] unknown key"],
  [
    { resource: "Backend shop/a", path: "spec.b", fix: "did you mean c?" },
    "error [unknown-key] Backend shop/a spec.b: unknown key (did you mean c?)",
  ],
  [{ severity: "warning", path: "kind" }, "warning [unknown-key] kind: unknown key"],
  [
    { witness: "GET http://any/", fix: "leave it out" },
    "error [unknown-key] unknown key; see selvedge explain GET http://any/ (leave it out)",
  ],
])("a problem with %j is printed as %s", (more, text) => {
  expect(formatProblem({ ...problem, ...more })).toBe(text);
});

it("orders problems by file, line and column, those without a place last", () => {
  const places = [undefined, at("b", 1, 1), at("a", 10, 1), at("a", 2, 9), at("a", 2, 10)];
  const sorted = places.map((place): Problem => ({ ...problem, ...(place && { at: place }) })).toSorted(byPlace);
  expect(sorted.map((one) => one.at && `${one.at.file}:${one.at.line}:${one.at.col}`)).toEqual([
    "a:2:9",
    "a:2:10",
    "a:10:1",
    "b:1:1",
    undefined,
  ]);
});
