/** kubectl's table: upper-case headers, three spaces between columns, no borders, nothing after the last cell. */
import { printable } from "./terminal.ts";

export type Column<Row> = {
  readonly header: string;
  readonly cell: (row: Row) => string | number;
  /** Numbers read best aligned to the right. */
  readonly align?: "right";
};

const GAP = "   ";

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map(({ header }) => header),
    ...rows.map((row) => columns.map(({ cell }) => shown(cell(row)))),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ""))));
  return (
    lines
      .map((line) =>
        line
          .map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align))
          .join(GAP)
          .trimEnd(),
      )
      .join("\n") + "\n"
  );
}

/** By code points: near enough, as names are ASCII and only messages are free text. */
const widthOf = (text: string): number => Array.from(text).length;

const shown = (value: string | number): string => (value === "" ? "-" : printable(String(value)));

const pad = (text: string, width: number, align: "right" | undefined): string => {
  const missing = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "right" ? missing + text : text + missing;
};
