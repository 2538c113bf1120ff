/** What the collectors know of traffic, as rows: for `stat`, `edges` and `top`, in linkerd's columns. */
import { Option } from "commander";
import type { MetricsResponse } from "../mesh/api.ts";
import type { Grouped, Group, Grouping, Where } from "../mesh/telemetry/query.ts";
import type { Control } from "./client.ts";
import { age, parseDuration } from "./duration.ts";
import { say } from "./terminal.ts";
import type { Column } from "./table.ts";

/** `rate` is of a second, latencies are in milliseconds. */
export type Traffic = Omit<Group["total"], "at"> & { readonly labels: Grouped };

export const windowOption = (otherwise: string): Option =>
  new Option("-t, --window <duration>", "how far to look back, up to 30 days: 720h")
    .argParser(parseDuration)
    .default(parseDuration(otherwise), otherwise);

/** The busiest first. Collectors that do not answer are named on stderr. */
export async function askTraffic(
  control: Control,
  by: readonly Grouping[],
  windowMs: number,
  where: Where,
): Promise<{ readonly missing: number; readonly rows: readonly Traffic[] }> {
  const last = String(Math.max(1, Math.ceil(windowMs / 1000)));
  const query = new URLSearchParams({ last, by: by.join(","), ...where });
  const { groups, missing } = await control.get<MetricsResponse>(`/metrics?${query.toString()}`);
  if (missing > 0) say(`${missing} of the collectors did not answer: what they know is missing here.`);
  return { missing, rows: groups.map(({ labels, total: { at: _at, ...total } }) => ({ labels, ...total })) };
}

export const noTraffic = (windowMs: number): string =>
  `No such calls within the last ${age(windowMs)}. Edges report some seconds late; --window looks further back.`;

type Rated = Pick<Traffic, "requests" | "errors" | "rate">;
export const RATES: readonly Column<Rated>[] = [
  { header: "SUCCESS", cell: successOf, align: "right" },
  { header: "RPS", cell: ({ rate }) => `${rate.toFixed(1)}rps`, align: "right" },
];

/** Rounded down: it is not 100 % while anything fails. */
function successOf({ requests, errors }: Rated): string {
  return requests === 0 ? "" : `${(Math.floor((10_000 * (requests - errors)) / requests) / 100).toFixed(2)}%`;
}

type Timed = Pick<Traffic, "p50" | "p95" | "p99">;
export const LATENCIES: readonly Column<Timed>[] = [
  { header: "LATENCY_P50", cell: ({ p50 }) => millis(p50), align: "right" },
  { header: "LATENCY_P95", cell: ({ p95 }) => millis(p95), align: "right" },
  { header: "LATENCY_P99", cell: ({ p99 }) => millis(p99), align: "right" },
];

const millis = (ms: number): string => `${Math.round(ms)}ms`;
