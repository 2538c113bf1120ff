/** Cells of collectors, added up by chosen labels and by steps of time: what `selvedge stat` prints and the dashboard draws. */
import { quantile } from "../histogram.ts";
import { fromWire, type WireCell } from "./flush.ts";
import { addTally, emptyTally, isError, type Labels, OTHER, type Tally } from "./series.ts";

const LABELS = ["caller", "callee", "route", "rule", "method", "backend", "class", "cause"] as const;
/** Labels, and what follows from them: the namespace of who was called. */
export const GROUPINGS = [...LABELS, "namespace"] as const;
export type Grouping = (typeof GROUPINGS)[number];
export type Grouped = Partial<Labels & { readonly namespace: string }>;
/** Each with the value that it must have. */
export type Where = Partial<Record<Grouping, string>>;

export type Range = {
  readonly series: readonly Labels[];
  readonly cells: readonly WireCell[];
  readonly slotSeconds: number;
};

export type Group = {
  /** What was grouped by. */
  readonly labels: Grouped;
  /** In order of time; steps without a request are left out. */
  readonly points: readonly Point[];
  /** All of the time asked for. */
  readonly total: Point;
};

type Point = {
  /** The step's beginning, in seconds since 1970. */
  readonly at: number;
  readonly requests: number;
  /** Those of a caller that has proven who it is. */
  readonly identified: number;
  /** Answered with 5xx. */
  readonly errors: number;
  /** Of a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly attempts: number;
  readonly hedges: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly degraded: number;
  readonly wouldDeny: number;
};

type Sum = { readonly tally: Tally; errors: number; identified: number };
type Gathered = { readonly labels: Grouped; readonly steps: Map<number, Sum>; readonly all: Sum };

/**
 * `from` and `to` are in seconds since 1970; a step is a whole number of slots, and begins at a multiple of itself. Of all series those
 * count that are as `where` says.
 */
export function query(
  ranges: readonly Range[],
  by: readonly Grouping[],
  { from, to, step }: { readonly from: number; readonly to: number; readonly step: number },
  where: Where = {},
): Group[] {
  const wanted = Object.entries(where) as [Grouping, string][];
  const groups = new Map<string, Gathered>();
  for (const { series, cells } of ranges)
    for (const [at, index, ...wire] of cells) {
      const labels = series[index];
      if (!labels || wanted.some(([name, value]) => valueOf(labels, name) !== value)) continue;
      const chosen = Object.fromEntries(by.map((name) => [name, valueOf(labels, name)])) as Grouped;
      const key = JSON.stringify(chosen);
      const group = groups.get(key) ?? { labels: chosen, steps: new Map<number, Sum>(), all: nothing() };
      groups.set(key, group);
      const begin = at - (at % step);
      const sum = group.steps.get(begin) ?? nothing();
      group.steps.set(begin, sum);
      for (const each of [sum, group.all]) {
        addTally(each.tally, fromWire(wire));
        if (isError(labels)) each.errors += wire[0];
        if (labels.caller !== "" && labels.caller !== OTHER) each.identified += wire[0];
      }
    }
  return [...groups.values()]
    .map(({ labels, steps, all }) => ({
      labels,
      points: [...steps].toSorted(([a], [b]) => a - b).map(([at, sum]) => point(at, sum, step)),
      total: point(from, all, to - from),
    }))
    .toSorted((a, b) => b.total.requests - a.total.requests);
}

const valueOf = (labels: Labels, name: Grouping): string =>
  name === "namespace" ? (labels.callee.split("/")[0] ?? "") : labels[name];

const nothing = (): Sum => ({ tally: emptyTally(), errors: 0, identified: 0 });

function point(at: number, { tally, errors, identified }: Sum, seconds: number): Point {
  const { latency, sumMs: _sumMs, ...counts } = tally;
  const quantileOf = (q: number): number => quantile(latency, q) ?? 0;
  return {
    at,
    ...counts,
    errors,
    identified,
    rate: counts.requests / Math.max(1, seconds),
    p50: quantileOf(0.5),
    p95: quantileOf(0.95),
    p99: quantileOf(0.99),
  };
}
