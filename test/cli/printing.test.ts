import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { table } from "../../cli/table.ts";
import { printable } from "../../cli/terminal.ts";
import { toYaml } from "../../mesh/resources/to-yaml.ts";

describe("a table", () => {
  const columns = [
    { header: "NAME", cell: (row: readonly [string, number]) => row[0] },
    { header: "N", cell: (row: readonly [string, number]) => row[1], align: "right" as const },
    { header: "AGAIN", cell: (row: readonly [string, number]) => row[0] },
  ];

  it("has three spaces between columns, nothing at line ends, and - for nothing", () => {
    expect(
      table(columns, [
        ["a", 100],
        ["", 7],
        ["wörter", 12],
      ]),
    ).toBe(["NAME       N   AGAIN", "a        100   a", "-          7   -", "wörter    12   wörter", ""].join("\n"));
  });

  it("shows control characters instead of obeying them", () => {
    expect(table(columns, [["a\u001b[2Jb\n", 1]])).toContain("a\\x1b[2Jb\\x0a");
  });
});

it("prints no text that moves the cursor or turns its direction", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

describe("YAML", () => {
  it("reads back as the same value, by YAML 1.2 and by YAML 1.1", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(parse(toYaml(plain))).toEqual(plain);
        expect(parse(toYaml(plain), { version: "1.1" })).toEqual(plain);
      }),
    );
  });

  it.each([
    "on",
    "no",
    "y",
    "0o7",
    "1_000",
    "12:30:00",
    "~",
    "null",
    "2026-01-01",
    "<<",
    "",
    " lead",
    "a: b",
    "# no",
    "two\nlines\n",
  ])("keeps %j text", (text) => {
    expect(parse(toYaml({ text }), { version: "1.1" })).toEqual({ text });
  });
});
