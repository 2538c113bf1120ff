/**
 * What Prometheus scrapes: OpenMetrics 1.0, or the older text format for whoever does not ask for it. Latencies are classic histograms at half the recorded resolution (9 % wide buckets)
 * and with the same bounds in every series and scrape, so that they add up and their rates are true. Times are in seconds.
 */
import { bucketOf, type Histogram, upperBound } from "../histogram.ts";
import type { Accounts } from "./collector.ts";
import { type Exemplar, type LatencyLabels, latencyLabels } from "./exemplar.ts";
import type { MirrorTally } from "./mirror-tally.ts";
import { addTally, emptyTally, type Labels, OTHER, type Tally } from "./series.ts";

export type Exposition = {
  readonly series: readonly (readonly [Labels, Tally])[];
  readonly edges: readonly {
    readonly edge: string;
    readonly colo: string;
    readonly epoch: number;
    readonly inFlight: number;
  }[];
  /** How many isolates refuse a snapshot, by the name of their deployment. Absent where that is not known. */
  readonly refusing?: Readonly<Record<string, number>>;
  /** The epoch in force. */
  readonly epoch: number;
  readonly accounts: Accounts;
  readonly mirrors: readonly MirrorTally[];
  readonly exemplars: readonly Exemplar[];
};

/** Every 2^(1/8) from one millisecond to 65 seconds, as indices of recorded buckets. */
const BOUNDS: readonly number[] = Array.from({ length: 129 }, (_, n) => 2 * n - 1);
export const MIRROR_OUTCOMES = ["same", "different", "failed", "uncompared"] as const;
/** Series of latencies, by number of calls; the others are added up in one, since each has as many lines as there are bounds. */
const MOST_HISTOGRAMS = 64;

export function expositionText(
  { series, edges, refusing, epoch, accounts, mirrors, exemplars }: Exposition,
  format: "openmetrics" | "text",
): string {
  const lines: string[] = [];
  const isOpen = format === "openmetrics";
  const family = (name: string, type: "counter" | "gauge" | "histogram", help: string, unit?: string): void => {
    // In the older format a counter's family is named as its samples are.
    const named = type === "counter" && !isOpen ? `${name}_total` : name;
    lines.push(`# HELP ${named} ${help}`, `# TYPE ${named} ${type}`);
    if (unit !== undefined && isOpen) lines.push(`# UNIT ${named} ${unit}`);
  };
  const counter = (name: string, help: string, read: (tally: Tally) => number, unit?: string): void => {
    family(name, "counter", help, unit);
    for (const [labels, tally] of series) lines.push(`${name}_total${labelText(labels)} ${read(tally)}`);
  };
  counter("selvedge_requests", "Requests that the mesh answered.", ({ requests }) => requests);
  counter("selvedge_attempts", "Sendings of requests to their backends.", ({ attempts }) => attempts);
  counter("selvedge_hedges", "Sendings beside one that was slow.", ({ hedges }) => hedges);
  counter("selvedge_request_bytes", "Request bodies, by Content-Length.", ({ requestBytes }) => requestBytes, "bytes");
  counter(
    "selvedge_response_bytes",
    "Response bodies, by Content-Length.",
    ({ responseBytes }) => responseBytes,
    "bytes",
  );
  counter("selvedge_degraded", "Requests decided without a state object.", ({ degraded }) => degraded);
  counter("selvedge_would_deny", "Requests that a policy on dry run would have refused.", ({ wouldDeny }) => wouldDeny);

  family("selvedge_mirrored", "counter", "Copies of requests that were judged, by what came of them.");
  for (const { rule, mirror, ...counts } of mirrors)
    for (const outcome of MIRROR_OUTCOMES)
      lines.push(
        `selvedge_mirrored_total${text([
          ["rule", rule],
          ["mirror", mirror],
          ["outcome", outcome],
        ])} ${counts[outcome]}`,
      );

  const name = "selvedge_request_duration_seconds";
  family(name, "histogram", "Time from a request to its response's headers.", "seconds");
  // The older format has none.
  const examples = isOpen ? exampleTexts(exemplars) : NO_EXAMPLES;
  for (const [labels, tally] of latencies(series)) {
    const own = entriesOf(labels);
    for (const [bound, count] of cumulative(tally.latency)) {
      const about = text([...own, ["le", bound]]);
      lines.push(`${name}_bucket${about} ${count}${examples.get(about) ?? ""}`);
    }
    lines.push(`${name}_count${text(own)} ${tally.requests}`, `${name}_sum${text(own)} ${tally.sumMs / 1000}`);
  }

  family("selvedge_in_flight", "gauge", "Requests under way when an edge last reported.");
  for (const [about, total] of inFlight(edges)) lines.push(`selvedge_in_flight${about} ${total}`);
  family(
    "selvedge_edge_isolates",
    "gauge",
    "Isolates that reported within a quarter of an hour, by the epoch that they ran.",
  );
  for (const [about, count] of isolates(edges)) lines.push(`selvedge_edge_isolates${about} ${count}`);
  if (refusing) {
    family("selvedge_edge_refusing_isolates", "gauge", "Isolates that refuse a snapshot and serve the one before it.");
    for (const [edge, count] of Object.entries(refusing))
      lines.push(`selvedge_edge_refusing_isolates${text([["edge", edge]])} ${count}`);
  }
  family("selvedge_config_epoch", "gauge", "The configuration in force.");
  lines.push(`selvedge_config_epoch ${epoch}`);
  family("selvedge_telemetry_undetailed_requests", "counter", "Requests known by their number alone.");
  lines.push(`selvedge_telemetry_undetailed_requests_total ${accounts.undetailed}`);
  family("selvedge_telemetry_pending_requests_max", "gauge", "How many requests may not be reported yet, at most.");
  lines.push(`selvedge_telemetry_pending_requests_max ${accounts.pendingMax}`);
  family(
    "selvedge_telemetry_lost_requests_max",
    "gauge",
    "How many requests may have been lost with killed isolates, at most.",
  );
  lines.push(`selvedge_telemetry_lost_requests_max ${accounts.lostMax}`);
  if (isOpen) lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

type Entries = readonly (readonly [name: string, value: string])[];

const entriesOf = (labels: Partial<Labels>): Entries => Object.entries(labels);
const labelText = (labels: Labels): string => text(entriesOf(labels));

const text = (entries: Entries): string =>
  `{${entries.map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`).join(",")}}`;
const escaped = (character: string): string => (character === "\n" ? "\\n" : `\\${character}`);

function latencies(series: Exposition["series"]): readonly (readonly [LatencyLabels, Tally])[] {
  const found = new Map<string, readonly [LatencyLabels, Tally]>();
  const add = (of: LatencyLabels, tally: Tally): void => {
    const labels = latencyLabels(of);
    const key = JSON.stringify(labels);
    const [, total] = found.get(key) ?? [labels, emptyTally()];
    found.set(key, [labels, addTally(total, tally)]);
  };
  for (const [labels, tally] of series) add(labels, tally);
  const all = [...found.values()].toSorted(([, a], [, b]) => b.requests - a.requests);
  if (all.length <= MOST_HISTOGRAMS) return all;
  found.clear();
  for (const [labels, tally] of all.slice(0, MOST_HISTOGRAMS)) add(labels, tally);
  for (const [{ class: status }, tally] of all.slice(MOST_HISTOGRAMS))
    add({ caller: OTHER, callee: OTHER, route: OTHER, class: status }, tally);
  return [...found.values()];
}

/** Each bound in seconds with the number of values that it does not lie below; the last is infinite. */
function* cumulative(latency: Histogram): Iterable<readonly [le: string, count: number]> {
  const sorted = [...latency].toSorted(([a], [b]) => a - b);
  let seen = 0;
  let next = 0;
  for (const bound of BOUNDS) {
    for (; next < sorted.length && sorted[next]![0] <= bound; next++) seen += sorted[next]![1];
    yield [boundText(bound), seen];
  }
  for (; next < sorted.length; next++) seen += sorted[next]![1];
  yield ["+Inf", seen];
}

const boundText = (bound: number): string => String(Number((upperBound(bound) / 1000).toPrecision(6)));

const NO_EXAMPLES: ReadonlyMap<string, string> = new Map();

/** By the labels of the sample that each stands behind; of several the latest. */
function exampleTexts(exemplars: readonly Exemplar[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { labels, ms, traceId, at } of exemplars.toSorted((a, b) => a.at - b.at)) {
    const bucket = bucketOf(ms);
    const bound = BOUNDS.find((one) => bucket <= one);
    const about = text([...entriesOf(latencyLabels(labels)), ["le", bound === undefined ? "+Inf" : boundText(bound)]]);
    texts.set(about, ` # ${text([["trace_id", traceId]])} ${ms / 1000} ${at / 1000}`);
  }
  return texts;
}

const inFlight = (edges: Exposition["edges"]): Sums =>
  summed(
    edges,
    ({ edge, colo }) => [
      ["edge", edge],
      ["colo", colo],
    ],
    (one) => one.inFlight,
  );
const isolates = (edges: Exposition["edges"]): Sums =>
  summed(
    edges,
    ({ edge, colo, epoch }) => [
      ["edge", edge],
      ["colo", colo],
      ["epoch", String(epoch)],
    ],
    () => 1,
  );

type Sums = ReadonlyMap<string, number>;

function summed(
  edges: Exposition["edges"],
  labels: (edge: Exposition["edges"][number]) => Entries,
  read: (edge: Exposition["edges"][number]) => number,
): Sums {
  const sums = new Map<string, number>();
  for (const edge of edges) {
    const key = text(labels(edge));
    sums.set(key, (sums.get(key) ?? 0) + read(edge));
  }
  return sums;
}
