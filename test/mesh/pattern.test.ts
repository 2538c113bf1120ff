import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { folderOf, pattern, patternProblem } from "../../mesh/pattern.ts";

describe("a pattern", () => {
  it.each(["(a", "a**", "(?=a)", "(?<!a)b", "(a)\\1", "[b-a]", "a{1001}", "\\"])("%s is refused", (text) => {
    expect(patternProblem(text)).toMatch(/^error parsing regexp/);
    expect(() => pattern(text)).toThrow(/^error parsing regexp/);
  });

  it("that would take too many steps a character is refused, and says how many", () => {
    expect(patternProblem("(x?){900}")).toMatch(/^compiles to \d+ steps, more than 500$/);
    expect(patternProblem("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")).toBeUndefined();
  });

  it("takes about as long for what makes a backtracking engine hang as for anything else", () => {
    const evil = pattern("(a|aa)+$");
    const text = `${"a".repeat(16_000)}b`;
    const before = performance.now();
    expect(evil.matches(text)).toBe(false);
    // A backtracking engine would not be done in this universe.
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe("the folder of a pattern", () => {
  it.each([
    ["/v1/users/[0-9]+", "/v1/users"],
    ["/v1/user[0-9]+", "/v1"],
    ["/v1/users", "/v1"],
    ["/v1/users/", "/v1/users"],
    ["^/v1/.*", "/v1"],
    ["/v1\\.2/.*", "/v1.2"],
    ["/v1/?", ""],
    ["/v1*/x", ""],
    ["/(v1|v2)/x", ""],
    ["/v1/|/v2/", ""],
    ["^/v1/|/v2/", ""],
    ["(?i)/v1/x", ""],
    [".*", ""],
    ["", ""],
    ["v1/x", ""],
  ])("%s is %j", (text, folder) => {
    expect(folderOf(text)).toBe(folder);
  });

  it("holds every path that the pattern matches", () => {
    const piece = fc.constantFrom("/", "a", "b", "/a/", "[ab]", "(a|/)", ".*", "b?", "/+", "|", "^", "$");
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join("")),
        fc.array(fc.constantFrom("/", "a", "b"), { maxLength: 6 }).map((parts) => `/${parts.join("")}`),
        (text, path) => {
          fc.pre(patternProblem(text) === undefined && pattern(text).matches(path));
          const folder = folderOf(text);
          expect(path === folder || path.startsWith(`${folder}/`)).toBe(true);
        },
      ),
      { numRuns: 2000, seed: 1 },
    );
  });
});
