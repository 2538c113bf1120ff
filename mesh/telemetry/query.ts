/** Cells of collectors, added up by chosen labels and by steps of time: what `selvedge stat` prints and the dashboard draws. */
import { quantile } from "../histogram.ts";
import { fromWire, type WireCell } from "./flush.ts";
import { addTally, emptyTally, isError, type Labels, type Tally } from "./series.ts";

export const GROUPINGS = ["caller", "callee", "route", "rule", "method", "backend", "class", "cause"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export type Range = {
  readonly series: readonly Labels[];
  readonly cells: readonly WireCell[];
  readonly slotSeconds: number;
};

export type Group = {
  /** Those of the labels that were grouped by. */
  readonly labels: Partial<Labels>;
  /** In order of time; steps without a request are left out. */
  readonly points: readonly Point[];
  /** All of the time asked for. */
  readonly total: Point;
};

type Point = {
  /** The step's beginning, in seconds since 1970. */
  readonly at: number;
  readonly requests: number;
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

type Sum = { readonly tally: Tally; errors: number };
type Gathered = { readonly labels: Partial<Labels>; readonly steps: Map<number, Sum>; readonly all: Sum };

/** `from` and `to` are in seconds since 1970; a step is a whole number of slots, and begins at a multiple of itself. */
export function query(
  ranges: readonly Range[],
  by: readonly Grouping[],
  { from, to, step }: { readonly from: number; readonly to: number; readonly step: number },
): Group[] {
  const groups = new Map<string, Gathered>();
  for (const { series, cells } of ranges)
    for (const [at, index, ...wire] of cells) {
      const labels = series[index];
      if (!labels) continue;
      const chosen = Object.fromEntries(by.map((name) => [name, labels[name]])) as Partial<Labels>;
      const key = JSON.stringify(chosen);
      const group = groups.get(key) ?? { labels: chosen, steps: new Map<number, Sum>(), all: nothing() };
      groups.set(key, group);
      const begin = at - (at % step);
      const sum = group.steps.get(begin) ?? nothing();
      group.steps.set(begin, sum);
      for (const each of [sum, group.all]) {
        addTally(each.tally, fromWire(wire));
        if (isError(labels)) each.errors += wire[0];
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

const nothing = (): Sum => ({ tally: emptyTally(), errors: 0 });

function point(at: number, { tally, errors }: Sum, seconds: number): Point {
  const { latency, sumMs: _sumMs, ...counts } = tally;
  const quantileOf = (q: number): number => quantile(latency, q) ?? 0;
  return {
    at,
    ...counts,
    errors,
    rate: counts.requests / Math.max(1, seconds),
    p50: quantileOf(0.5),
    p95: quantileOf(0.95),
    p99: quantileOf(0.99),
  };
}
