/** What collectors counted, as OTLP's ExportMetricsServiceRequest: everything since they began, so that a message that is lost is made good by the next. */
import { type Histogram, SCALE, ZERO_BUCKET } from "../histogram.ts";
import { keyValues, nanos, SCOPE, type Value } from "./otlp.ts";
import { type Exposition, MIRROR_OUTCOMES } from "./openmetrics.ts";
import type { Labels, Tally } from "./series.ts";

const CUMULATIVE = 2;

/** `resource` is what sends them; `now` in milliseconds since 1970. When collectors began is not known to them, and is left out. */
export function metricsRequest(
  resource: Readonly<Record<string, Value>>,
  { series, edges, epoch, accounts, mirrors }: Exposition,
  now: number,
) {
  const timeUnixNano = nanos(now);
  const point = (value: number, attributes: Readonly<Record<string, Value>> = {}) => ({
    timeUnixNano,
    asInt: String(value),
    attributes: keyValues(attributes),
  });
  const sum = (name: string, description: string, unit: string, dataPoints: readonly ReturnType<typeof point>[]) => ({
    name,
    description,
    unit,
    sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true },
  });
  const counter = (name: string, description: string, unit: string, read: (tally: Tally) => number) =>
    sum(
      name,
      description,
      unit,
      series.map(([labels, tally]) => point(read(tally), attributesOf(labels))),
    );
  const gauge = (name: string, description: string, unit: string, dataPoints: readonly ReturnType<typeof point>[]) => ({
    name,
    description,
    unit,
    gauge: { dataPoints },
  });
  const metrics = [
    counter("selvedge.requests", "Requests that the mesh answered.", "{request}", ({ requests }) => requests),
    counter("selvedge.attempts", "Sendings of requests to their backends.", "{attempt}", ({ attempts }) => attempts),
    counter("selvedge.hedges", "Sendings beside one that was slow.", "{attempt}", ({ hedges }) => hedges),
    counter("selvedge.request.bytes", "Request bodies, by Content-Length.", "By", (tally) => tally.requestBytes),
    counter("selvedge.response.bytes", "Response bodies, by Content-Length.", "By", (tally) => tally.responseBytes),
    counter("selvedge.degraded", "Requests decided without a state object.", "{request}", ({ degraded }) => degraded),
    counter(
      "selvedge.would_deny",
      "Requests that a policy on dry run would have refused.",
      "{request}",
      ({ wouldDeny }) => wouldDeny,
    ),
    sum(
      "selvedge.mirrored",
      "Copies of requests that were judged, by what came of them.",
      "{request}",
      mirrors.flatMap(({ rule, mirror, ...counts }) =>
        MIRROR_OUTCOMES.map((outcome) =>
          point(counts[outcome], {
            "selvedge.rule": rule,
            "selvedge.mirror": mirror,
            "selvedge.outcome": outcome,
          }),
        ),
      ),
    ),
    {
      name: "selvedge.request.duration",
      description: "Time from a request to its response's headers.",
      unit: "ms",
      exponentialHistogram: {
        dataPoints: series.map(([labels, tally]) => ({
          attributes: keyValues(attributesOf(labels)),
          timeUnixNano,
          count: String(tally.requests),
          sum: tally.sumMs,
          scale: SCALE,
          zeroCount: String(tally.latency.get(ZERO_BUCKET) ?? 0),
          positive: bucketsOf(tally.latency),
        })),
        aggregationTemporality: CUMULATIVE,
      },
    },
    gauge(
      "selvedge.in_flight",
      "Requests under way when an isolate last reported.",
      "{request}",
      inFlight(edges).map(([value, attributes]) => point(value, attributes)),
    ),
    gauge("selvedge.config.epoch", "The configuration in force.", "1", [point(epoch)]),
    sum("selvedge.telemetry.undetailed_requests", "Requests known by their number alone.", "{request}", [
      point(accounts.undetailed),
    ]),
    gauge("selvedge.telemetry.pending_requests_max", "Requests that may not be reported yet, at most.", "{request}", [
      point(accounts.pendingMax),
    ]),
    gauge(
      "selvedge.telemetry.lost_requests_max",
      "Requests that may be lost with killed isolates, at most.",
      "{request}",
      [point(accounts.lostMax)],
    ),
  ];
  return {
    resourceMetrics: [{ resource: { attributes: keyValues(resource) }, scopeMetrics: [{ scope: SCOPE, metrics }] }],
  };
}

/** Those that say something. */
const attributesOf = (labels: Labels): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) => (value === "" ? [] : [[`selvedge.${name}`, value]])),
  );

/** The recorded buckets are OTLP's of the same scale; between the first and the last of them each has its count. */
function bucketsOf(latency: Histogram): { readonly offset: number; readonly bucketCounts: readonly string[] } {
  const filled = [...latency.keys()].filter((bucket) => bucket !== ZERO_BUCKET);
  if (filled.length === 0) return { offset: 0, bucketCounts: [] };
  const offset = Math.min(...filled);
  const length = Math.max(...filled) - offset + 1;
  return { offset, bucketCounts: Array.from({ length }, (_, n) => String(latency.get(offset + n) ?? 0)) };
}

function inFlight(edges: Exposition["edges"]): (readonly [number, Readonly<Record<string, string>>])[] {
  const sums = new Map<string, readonly [number, Readonly<Record<string, string>>]>();
  for (const { edge, colo, inFlight: count } of edges) {
    const key = JSON.stringify([edge, colo]);
    const [before] = sums.get(key) ?? [0];
    sums.set(key, [before + count, { "selvedge.edge": edge, "cloud.availability_zone": colo }]);
  }
  return [...sums.values()];
}
