/** What control would say of a mesh of many services, each called by `callers` others: some of them fail. */
import type { MetricsResponse, ResourcesResponse } from "../../mesh/api.ts";
import type { Grouping } from "../../mesh/telemetry/query.ts";

const name = (n: number): string => `team-${n % 20}/service-${n}`;

export function largeMetrics(url: URL, services: number, callers: number): MetricsResponse {
  const [from, to, step] = ["from", "to", "step"].map((key) => Number(url.searchParams.get(key))) as [
    number,
    number,
    number,
  ];
  const by = (url.searchParams.get("by") ?? "").split(",").filter(Boolean) as Grouping[];
  const point = (n: number) => ({
    at: from,
    requests: 100 + n,
    identified: 100 + n,
    errors: n % 50 === 0 ? 40 : 0,
    rate: (100 + n) / (to - from),
    p50: 3,
    p95: 20,
    p99: 80,
    attempts: 100 + n,
    hedges: 0,
    requestBytes: 0,
    responseBytes: 0,
    degraded: 0,
    wouldDeny: 0,
  });
  const pairs = by.includes("caller") ? callers : 1;
  const groups = Array.from({ length: by.length === 0 ? 1 : services * pairs }, (_, n) => {
    const callee = n % services;
    const labels: Partial<Record<Grouping, string>> = {
      callee: name(callee),
      caller: name((callee * 7 + Math.floor(n / services) + 1) % services),
    };
    const total = point(n);
    return { labels: Object.fromEntries(by.map((label) => [label, labels[label] ?? ""])), points: [total], total };
  });
  return { from, to, step, groups, missing: 0 };
}

export const largeResources = (services: number): ResourcesResponse => ({
  epoch: 1,
  items: Array.from({ length: services }, (_, n) => {
    const [namespace = "", short = ""] = name(n).split("/");
    return { apiVersion: "v1", kind: "Service", metadata: { namespace, name: short }, spec: {} };
  }),
});
