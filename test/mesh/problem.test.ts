import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { byPlace, formatProblem, type Problem, type ProblemCode } from "../../mesh/problem.ts";

/** Complete by its type: a code that is added is asked for here, and by the test below in the docs. */
const CODES = Object.keys({
  "yaml-syntax": 1,
  "not-a-resource": 1,
  "unknown-kind": 1,
  "unknown-version": 1,
  "unknown-key": 1,
  "invalid-value": 1,
  "duplicate-resource": 1,
  "too-large": 1,
  "dangling-reference": 1,
  "not-permitted": 1,
  "not-attached": 1,
  "not-carried": 1,
  conflict: 1,
  "no-traffic": 1,
  "not-published": 1,
} satisfies Record<ProblemCode, 1>);

const rows = readFileSync(`${import.meta.dirname}/../../docs/problems.md`, "utf8")
  .split("\n")
  .flatMap((line) =>
    line.startsWith("| `") ? [line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim())] : [],
  );

describe("docs/problems.md", () => {
  it.each(CODES)("has one line for %s, with meaning, example and what to do", (code) => {
    const [row, ...more] = rows.filter(([first]) => first === `\`${code}\``);
    expect(more).toEqual([]);
    expect(row).toHaveLength(5);
    expect(row?.every((cell) => cell !== "")).toBe(true);
  });

  it("has no line for a code that there is not", () => {
    expect(rows.map(([code]) => code)).toEqual(CODES.map((code) => `\`${code}\``));
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
