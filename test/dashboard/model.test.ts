import { expect, it } from "vitest";
import {
  byBadness,
  conditionsOf,
  differences,
  healthOf,
  isBad,
  metricsPath,
  type Point,
  policiesOf,
  RANGES,
  rangeNamed,
  routesOf,
  seriesOf,
  servicesOf,
} from "../../dashboard/model.ts";
import type { ChangeResult } from "../../mesh/api.ts";
import type { Resource } from "../../mesh/resources/resource.ts";

const point = (at: number, requests: number, errors = 0, p99 = 9): Point => ({
  at,
  requests,
  identified: 0,
  errors,
  rate: requests / 5,
  p50: 3,
  p95: 8,
  p99,
  attempts: requests,
  hedges: 0,
  requestBytes: 0,
  responseBytes: 0,
  degraded: 0,
  wouldDeny: 0,
});

it.each([
  [0, 0, "idle"],
  [1000, 0, "healthy"],
  [1001, 1, "healthy"],
  [1000, 1, "degraded"],
  [1000, 99, "degraded"],
  [10, 1, "failing"],
] as const)("of %d requests with %d failed says %s", (requests, errors, health) => {
  expect(healthOf({ requests, errors })).toBe(health);
});

it("puts the worst first: by health, then by failures, then by latency", () => {
  const all = [
    point(0, 100),
    point(0, 100, 0, 50),
    point(0, 0),
    point(0, 100, 50),
    point(0, 1000, 200),
    point(0, 100, 1),
  ];
  expect(all.toSorted(byBadness).map(({ requests, errors, p99 }) => [requests, errors, p99])).toEqual([
    [1000, 200, 9],
    [100, 50, 9],
    [100, 1, 9],
    [100, 0, 50],
    [100, 0, 9],
    [0, 0, 9],
  ]);
});

it.each(RANGES.map((range) => [range.name, range] as const))(
  "asks for %s in steps that begin where control's do",
  (name, range) => {
    expect(rangeNamed(name)).toBe(range);
    const query = new URL(metricsPath(range, "callee", 1_795_653_237.6, true), "http://control").searchParams;
    const [from, to, step] = ["from", "to", "step"].map((key) => Number(query.get(key)));
    expect([from! % step!, to, query.get("by")]).toEqual([0, 1_795_653_238, "callee"]);
    expect(to! - from!).toBeGreaterThanOrEqual(range.seconds);
    expect((to! - from!) / step!).toBeLessThanOrEqual(100);
  },
);

it("draws a rate of 0 and no latency where nothing happened, and no step that has not ended", () => {
  const metrics = { from: 100, to: 121, step: 5, missing: 0, groups: [] };
  const group = { labels: {}, points: [point(105, 20, 10)], total: point(100, 20, 10) };
  expect(seriesOf(metrics, group)).toEqual({
    at: [100, 105, 110, 115],
    rate: [0, 4, 0, 0],
    errors: [0, 2, 0, 0],
    p50: [null, 3, null, null],
    p95: [null, 8, null, null],
    p99: [null, 9, null, null],
  });
});

const resource = (kind: string, name: string, spec: object, status?: object): Resource =>
  ({ apiVersion: "v1", kind, metadata: { namespace: "shop", name }, spec, ...(status && { status }) }) as Resource;
const MESH = [
  resource("Service", "cart", {}),
  resource("Backend", "cart", {}),
  resource("Backend", "cart-v2", {}),
  resource("HTTPRoute", "front", { parentRefs: [{ name: "gate" }], rules: [{ backendRefs: [{ name: "cart" }] }] }),
  resource("HTTPRoute", "own", { parentRefs: [{ kind: "Service", name: "cart" }], rules: [] }),
  resource("HTTPRoute", "other", { parentRefs: [{ name: "cart" }], rules: [{ backendRefs: [{ name: "pay" }] }] }),
  resource("TrafficPolicy", "direct", { targetRefs: [{ kind: "Backend", name: "cart" }] }),
  resource("RateLimitPolicy", "route", { targetRefs: [{ kind: "HTTPRoute", name: "front" }] }),
  resource("AuthenticationPolicy", "gate", { targetRefs: [{ kind: "Gateway", name: "gate" }] }),
  resource("TrafficPolicy", "elsewhere", { targetRefs: [{ kind: "Service", name: "pay" }] }),
];
const names = (resources: readonly Resource[]): string[] => resources.map(({ metadata }) => metadata.name);

it("knows a service once, the routes by which traffic comes to it, and the policies that it meets there", () => {
  expect(servicesOf(MESH)).toEqual(["shop/cart", "shop/cart-v2"]);
  expect(names(routesOf("shop/cart", MESH))).toEqual(["front", "own"]);
  expect(names(policiesOf("shop/cart", MESH))).toEqual(["direct", "route", "gate"]);
});

it("finds every condition wherever a kind keeps them, and which of them say that something is wrong", () => {
  const accepted = { type: "Accepted", status: "True", reason: "Accepted", message: "" };
  const unresolved = { type: "ResolvedRefs", status: "False", reason: "BackendNotFound", message: "no pay" };
  const route = resource(
    "HTTPRoute",
    "r",
    {},
    { parents: [{ conditions: [accepted] }, { conditions: [accepted, unresolved] }] },
  );
  expect(conditionsOf(route)).toEqual([accepted, unresolved]);
  expect(conditionsOf(route).filter(isBad)).toEqual([unresolved]);
  expect(isBad({ type: "Conflicted", status: "True" })).toBe(true);
  expect(isBad({ type: "Programmed", status: "Unknown" })).toBe(false);
});

it("tells what lies between two epochs by what a rollback to each would change", () => {
  const change = (name: string, before: number | undefined, after: number | undefined): ChangeResult => ({
    kind: "Service",
    namespace: "shop",
    name,
    action: before === undefined ? "created" : after === undefined ? "deleted" : "configured",
    ...(before !== undefined && { before: resource("Service", name, { n: before }) }),
    ...(after !== undefined && { after: resource("Service", name, { n: after }) }),
  });
  // In force: a=3, b=1, c=1. Old: a=1, no b, c=1, d=1. Young: a=2, b=1, c=1, no d.
  const toOld = [change("a", 3, 1), change("b", 1, undefined), change("d", undefined, 1)];
  const toYoung = [change("a", 3, 2)];
  const n = (one: Resource | undefined) => (one?.["spec"] as { n: number } | undefined)?.n;
  expect(differences(toOld, toYoung).map(({ title, before, after }) => [title, n(before), n(after)])).toEqual([
    ["Service shop/a", 1, 2],
    ["Service shop/b", undefined, 1],
    ["Service shop/d", 1, undefined],
  ]);
});
