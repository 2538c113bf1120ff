import { describe, expect, it } from "vitest";
import type { Exposition } from "../../../mesh/telemetry/openmetrics.ts";
import { metricsRequest } from "../../../mesh/telemetry/otlp-metrics.ts";
import { emptyTally, type Labels } from "../../../mesh/telemetry/series.ts";
import { observe } from "../../../mesh/telemetry/flush.ts";

const labels: Labels = {
  caller: "",
  callee: "shop/cart",
  route: "shop/shop",
  rule: "0",
  method: "GET",
  backend: "Service/shop/cart:80",
  class: "2xx",
  cause: "",
};
const call = {
  labels,
  at: 0,
  attempts: 1,
  hedges: 0,
  requestBytes: 1,
  responseBytes: 10,
  degraded: false,
  wouldDeny: false,
};

describe("metrics by OTLP", () => {
  const tally = emptyTally();
  for (const ms of [0, 1, 1, 2]) observe(tally, { ...call, ms });
  const accounts = { reported: 4, undetailed: 1, pendingMax: 2, lostMax: 3 };
  const edge = { edge: "e", colo: "FRA", epoch: 7 };
  const edges = [
    { ...edge, inFlight: 1 },
    { ...edge, inFlight: 2 },
  ];
  const mirrors = [{ rule: "r", mirror: "m", at: 1, same: 3, different: 2, failed: 1, uncompared: 0, samples: [] }];
  const exposition: Exposition = { series: [[labels, tally]], edges, epoch: 7, accounts, mirrors, exemplars: [] };
  const request = metricsRequest({ "service.name": "s" }, exposition, 5);
  const metric = (name: string) =>
    request.resourceMetrics[0]!.scopeMetrics[0]!.metrics.find((one) => one.name === name)!;

  it("are counters as they stand, under the labels that say something", () => {
    const attributes = ["callee", "route", "rule", "method", "backend", "class"].map((name) => ({
      key: `selvedge.${name}`,
      value: { stringValue: labels[name as keyof Labels] },
    }));
    expect(metric("selvedge.response.bytes")).toEqual({
      name: "selvedge.response.bytes",
      description: "Response bodies, by Content-Length.",
      unit: "By",
      sum: {
        dataPoints: [{ timeUnixNano: "5000000", asInt: "40", attributes }],
        aggregationTemporality: 2,
        isMonotonic: true,
      },
    });
  });

  it("have the buckets that were recorded: of scale 4, each sixteenth of a doubling one", () => {
    // (2^(-1/16), 1] is the bucket -1, and (2^(15/16), 2] the sixteenth behind it.
    expect(metric("selvedge.request.duration")).toMatchObject({
      unit: "ms",
      exponentialHistogram: {
        dataPoints: [
          {
            count: "4",
            sum: 4,
            scale: 4,
            zeroCount: "1",
            positive: { offset: -1, bucketCounts: ["2", ...Array.from({ length: 15 }, () => "0"), "1"] },
          },
        ],
      },
    });
  });

  it("have the judged copies of a mirror by what came of them", () => {
    expect(metric("selvedge.mirrored")).toMatchObject({
      sum: { dataPoints: ["3", "2", "1", "0"].map((asInt) => ({ asInt })) },
    });
  });

  it("add up what isolates of one edge have under way", () => {
    expect(metric("selvedge.in_flight")).toMatchObject({ gauge: { dataPoints: [{ asInt: "3" }] } });
  });
});
