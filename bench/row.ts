/** One line of the result, in the form that `--json` writes. */
import type { Comparison } from "./statistics.ts";

export type Row = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: number | null;
  /** `value` by `baseline`, as the median of pairs where there are pairs. */
  readonly ratio: number | null;
  /** Interquartile range: of the ratios, or, of a row without a baseline, of the values. */
  readonly spread: number | null;
  readonly budget: string | null;
  /** Null where there is no budget. */
  readonly pass: boolean | null;
};

type Named = { readonly name: string; readonly unit: string };
type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** A row about a ratio. A comparison during which requests failed passes nothing. */
export function ratioRow(named: Named, comparison: Comparison, budget?: Bound, failed = false): Row {
  const pass = budget ? keeps(comparison.ratio, budget) : null;
  return { ...named, ...comparison, budget: budget ? textOf(budget) : null, pass: failed ? false : pass };
}

/** A row about a quantity itself. Only for what does not depend on the machine, or is a budget by agreement. */
export function valueRow(named: Named, value: number, spread: number | null = null, budget?: Bound): Row {
  const text = budget ? `${textOf(budget)} ${named.unit}` : null;
  const pass = budget ? keeps(value, budget) : null;
  return { ...named, value, baseline: null, ratio: null, spread, budget: text, pass };
}

const keeps = (value: number, bound: Bound): boolean =>
  "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;

const textOf = (bound: Bound): string => ("atLeast" in bound ? `>= ${bound.atLeast}` : `<= ${bound.atMost}`);

const COLUMNS = ["name", "value", "unit", "baseline", "ratio", "spread", "budget", "pass"] as const;

/** Columns aligned, numbers to the right. */
export function table(rows: readonly Row[]): string {
  const lines = [COLUMNS.map(String), ...rows.map((row) => COLUMNS.map((column) => cell(row[column])))];
  const widths = COLUMNS.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const numeric = (index: number) => ["value", "baseline", "ratio", "spread"].includes(COLUMNS[index] ?? "");
  return lines
    .map((line) =>
      line
        .map((text, index) => (numeric(index) ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cell(value: Row[keyof Row]): string {
  if (value === null) return "-";
  if (typeof value === "boolean") return value ? "yes" : "NO";
  if (typeof value === "string") return value;
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}
