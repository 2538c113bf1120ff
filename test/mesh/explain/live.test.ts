import { describe, expect, it } from "vitest";
import { headerOf, type LiveExplanation } from "../../../mesh/explain/live.ts";

const candidate = (n: number) =>
  ({ name: "h", route: `r${n}`, rule: "0", kind: "prefix", path: "/", because: null }) as const;
const step = (facts: object) =>
  ({ by: "try", within: 0, passed: 0, outcome: "answered 200", at: 0, ms: 1, facts: { ...facts } }) as const;
const all = (considered: number, steps: number, text = ""): Omit<LiveExplanation, "omitted"> => ({
  epoch: 1,
  hash: "h",
  askedBy: "ada",
  path: "/",
  route: null,
  rule: null,
  caller: null,
  chain: [],
  backend: null,
  attempts: 0,
  hedges: 0,
  status: 200,
  cause: null,
  degraded: null,
  considered: Array.from({ length: considered }, (_, n) => candidate(n)),
  steps: Array.from({ length: steps }, () => step({ text })),
});
const read = (text: string): LiveExplanation => JSON.parse(text) as LiveExplanation;

describe("the header", () => {
  it("has all of it where there is room", () => {
    expect(read(headerOf(all(3, 4)))).toEqual({ ...all(3, 4), omitted: { considered: 0, steps: 0 } });
  });

  it.each([
    [30, 2, "", { considered: 18, steps: 0 }],
    [5, 8, "x".repeat(2000), { considered: 4, steps: 4 }],
    [0, 2, "x".repeat(20_000), { considered: 0, steps: 2 }],
  ])("of %i rules and %i steps leaves out what does not fit, and counts it", (considered, steps, text, omitted) => {
    const header = headerOf(all(considered, steps, text));
    expect(header.length).toBeLessThanOrEqual(10_000);
    const told = read(header);
    expect(told.omitted).toEqual(omitted);
    // The rules that are left are the last ones, of which one took the request.
    expect(told.considered.at(-1)?.route).toBe(considered === 0 ? undefined : `r${considered - 1}`);
  });

  it.each(["\n", "é", "\u0000", "😀", '"', "\\"])("carries %j as visible ASCII", (text) => {
    const header = headerOf(all(0, 1, text));
    expect(header).toMatch(/^[\x20-\x7e]*$/);
    expect(read(header).steps[0]!.facts.text).toBe(text);
  });
});
