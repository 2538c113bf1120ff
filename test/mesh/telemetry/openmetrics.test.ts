import { expect, it } from "vitest";
import { addTo, bucketOf } from "../../../mesh/histogram.ts";
import { expositionText, type Exposition } from "../../../mesh/telemetry/openmetrics.ts";
import { emptyTally, type Labels, type Tally } from "../../../mesh/telemetry/series.ts";

const labels: Labels = {
  caller: "shop/web",
  callee: "shop/cart",
  route: "shop/cart",
  rule: "0",
  method: "GET",
  backend: "Service/shop/cart:80",
  class: "2xx",
  cause: "",
};

function tallyOf(...latencies: readonly number[]): Tally {
  const tally = emptyTally();
  for (const ms of latencies) {
    tally.requests += 1;
    tally.sumMs += ms;
    addTo(tally.latency, bucketOf(ms));
  }
  return tally;
}

const exposition = (over: Partial<Exposition> = {}): Exposition => ({
  series: [[labels, tallyOf(1, 4, 100)]],
  edges: [],
  epoch: 3,
  accounts: { reported: 3, undetailed: 0, pendingMax: 0, lostMax: 0 },
  mirrors: [],
  exemplars: [],
  ...over,
});
const linesOf = (text: string, name: string): string[] => text.split("\n").filter((line) => line.startsWith(name));

it("counts in cumulative buckets, in seconds, up to infinity", () => {
  const buckets = linesOf(expositionText(exposition(), "openmetrics"), "selvedge_request_duration_seconds_bucket");
  const at = (le: string) =>
    Number(
      buckets
        .find((line) => line.includes(`le="${le}"`))
        ?.split(" ")
        .at(-1),
    );
  expect([at("0.001"), at("0.002"), at("0.004"), at("0.064"), at("0.128"), at("+Inf")]).toEqual([1, 1, 2, 2, 3, 3]);
});

it("has the same bounds in every series, whatever was counted", () => {
  const boundsOf = (tally: Tally) =>
    linesOf(
      expositionText(exposition({ series: [[labels, tally]] }), "text"),
      "selvedge_request_duration_seconds_bucket",
    ).map((line) => /le="([^"]+)"/.exec(line)?.[1]);
  expect(boundsOf(tallyOf(5))).toEqual(boundsOf(tallyOf(0, 1e9)));
});

it("counts what came of copies, by rule and mirror", () => {
  const tally = { rule: "shop/cart/0", mirror: "Backend/shop/next", same: 3, different: 2, failed: 1, uncompared: 0 };
  const text = expositionText(exposition({ mirrors: [{ ...tally, at: 0, samples: [] }] }), "openmetrics");
  const about = 'rule="shop/cart/0",mirror="Backend/shop/next"';
  expect(linesOf(text, "selvedge_mirrored_total")).toEqual([
    `selvedge_mirrored_total{${about},outcome="same"} 3`,
    `selvedge_mirrored_total{${about},outcome="different"} 2`,
    `selvedge_mirrored_total{${about},outcome="failed"} 1`,
    `selvedge_mirrored_total{${about},outcome="uncompared"} 0`,
  ]);
});

it("ends as OpenMetrics ends, and the older format does not", () => {
  expect(expositionText(exposition(), "openmetrics").endsWith("\n# EOF\n")).toBe(true);
  expect(expositionText(exposition(), "text")).not.toContain("# EOF");
});

it.each([
  ["openmetrics", "# TYPE selvedge_requests counter"],
  ["text", "# TYPE selvedge_requests_total counter"],
] as const)("names a counter's family in %s as that format does", (format, line) => {
  expect(expositionText(exposition(), format).split("\n")).toContain(line);
});

it("escapes what would end a label's value", () => {
  const text = expositionText(exposition({ series: [[{ ...labels, rule: 'a"\\\nb' }, tallyOf(1)]] }), "text");
  expect(text).toContain('rule="a\\"\\\\\\nb"');
});

it("adds the histograms beyond 64 up in one, so that no call is missing", () => {
  const series = Array.from({ length: 100 }, (_, n) => [{ ...labels, route: `shop/r${n}` }, tallyOf(1)] as const);
  const counts = linesOf(expositionText(exposition({ series }), "text"), "selvedge_request_duration_seconds_count");
  expect(counts).toHaveLength(65);
  expect(counts.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)).toBe(100);
});

it("sums what edges have in flight, and counts isolates by the epoch they run", () => {
  const edge = { edge: "edge", colo: "AMS", epoch: 3, inFlight: 2 };
  const text = expositionText(exposition({ edges: [edge, edge, { ...edge, epoch: 2 }] }), "text");
  expect(linesOf(text, "selvedge_in_flight")).toEqual(['selvedge_in_flight{edge="edge",colo="AMS"} 6']);
  expect(linesOf(text, "selvedge_edge_isolates")).toEqual([
    'selvedge_edge_isolates{edge="edge",colo="AMS",epoch="3"} 2',
    'selvedge_edge_isolates{edge="edge",colo="AMS",epoch="2"} 1',
  ]);
});

it("names a trace behind the bucket of a request that was recorded, the latest of each, where the format has that", () => {
  const of = { caller: "shop/web", callee: "shop/cart", route: "shop/cart", class: "2xx" } as const;
  const traces = ["a", "b", "c", "d"].map((letter) => letter.repeat(32));
  const exemplars = [4, 4.25, 4.125, 1e6].map((ms, n) => ({
    labels: of,
    ms,
    traceId: traces[n]!,
    at: [1, 3, 2, 4][n]! * 1000,
  }));
  const text = expositionText(exposition({ exemplars }), "openmetrics");
  const about = 'caller="shop/web",callee="shop/cart",route="shop/cart",class="2xx"';
  expect(text.split("\n").filter((line) => line.includes("#") && line.startsWith("selvedge"))).toEqual([
    `selvedge_request_duration_seconds_bucket{${about},le="0.004"} 2 # {trace_id="${traces[0]}"} 0.004 1`,
    `selvedge_request_duration_seconds_bucket{${about},le="0.00436203"} 2 # {trace_id="${traces[1]}"} 0.00425 3`,
    `selvedge_request_duration_seconds_bucket{${about},le="+Inf"} 3 # {trace_id="${traces[3]}"} 1000 4`,
  ]);
  expect(expositionText(exposition({ exemplars }), "text")).not.toContain("trace_id");
});
