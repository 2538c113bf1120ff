import fc from "fast-check";
import { expect, it } from "vitest";
import { unifiedDiff } from "../../mesh/line-diff.ts";

const text = fc
  .array(fc.constantFrom("a", "b", "c", ""), { maxLength: 30 })
  .map((lines) => lines.map((line) => `${line}\n`).join(""));

it("is empty for equal texts", () => {
  expect(unifiedDiff("a\nb\n", "a\nb\n", "x", "y")).toBe("");
});

it("shows three lines around a change, and joins changes that are near", () => {
  const lines = Array.from({ length: 20 }, (_, i) => `${i + 1}\n`);
  const changed = lines.with(4, "five\n").with(10, "eleven\n").with(19, "twenty\n");
  expect(unifiedDiff(lines.join(""), changed.join(""), "a", "b")).toBe(`--- a
+++ b
@@ -2,13 +2,13 @@
 2
 3
 4
-5
+five
 6
 7
 8
 9
 10
-11
+eleven
 12
 13
 14
@@ -17,4 +17,4 @@
 17
 18
 19
-20
+twenty
`);
});

it("is a patch that turns the one text into the other, and never longer than a full replacement", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const patch = unifiedDiff(before, after, "a", "b");
      expect(apply(before, patch)).toBe(after);
      const edits = patch.split("\n").filter((line) => /^[-+](?!-- |\+\+ )/.test(line)).length;
      expect(edits).toBeLessThanOrEqual(before.split("\n").length + after.split("\n").length - 2);
    }),
  );
});

it.each([
  ["an addition to nothing", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"],
  ["a removal of everything", "a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n"],
  ["a single line", "a\n", "b\n", "@@ -1 +1 @@\n-a\n+b\n"],
  ["an addition at the end", "1\n2\n3\n4\n", "1\n2\n3\n4\n5\n", "@@ -2,3 +2,4 @@\n 2\n 3\n 4\n+5\n"],
])("numbers %s as GNU diff does", (_, before, after, hunk) => {
  expect(unifiedDiff(before, after, "a", "b")).toBe(`--- a\n+++ b\n${hunk}`);
});

/** patch(1) in a few lines: context and removals must be where the hunk says. */
function apply(before: string, patch: string): string {
  const source = before === "" ? [] : before.slice(0, -1).split("\n");
  const out: string[] = [];
  let at = 0;
  for (const line of patch.split("\n").slice(2, -1)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? /.exec(line);
    if (hunk) {
      const start = Number(hunk[1]) - (hunk[2] === "0" ? 0 : 1);
      while (at < start) out.push(source[at++] ?? "beyond the end");
    } else if (line.startsWith("+")) out.push(line.slice(1));
    else {
      if (source[at++] !== line.slice(1)) throw new Error(`the text has no ${line} at ${at}`);
      if (line.startsWith(" ")) out.push(line.slice(1));
    }
  }
  return [...out, ...source.slice(at)].map((line) => `${line}\n`).join("");
}
