/** What the views make of control's answers. Pure: no page, no clock. */
import type { ChangeResult, MetricsResponse } from "../mesh/api.ts";
import { keyOf, type Resource } from "../mesh/resources/resource.ts";
import type { Group } from "../mesh/telemetry/query.ts";

export type Point = Group["total"];
export type Health = "idle" | "healthy" | "degraded" | "failing";

/** Kiali's thresholds, so that a colour means the same: one failure in a thousand, and one in ten. */
export function healthOf({ requests, errors }: Pick<Point, "requests" | "errors">): Health {
  if (requests === 0) return "idle";
  const ratio = errors / requests;
  return ratio >= 0.1 ? "failing" : ratio >= 0.001 ? "degraded" : "healthy";
}

const BADNESS: Readonly<Record<Health, number>> = { failing: 3, degraded: 2, healthy: 1, idle: 0 };
/** Worst first; of equal health the one that fails more, then the slower one. */
export const byBadness = (a: Point, b: Point): number =>
  BADNESS[healthOf(b)] - BADNESS[healthOf(a)] || b.errors - a.errors || b.p99 - a.p99;

export type Range = { readonly name: string; readonly seconds: number; readonly step: number };
/** Steps that collectors have: seconds for 15 minutes, minutes for a day, hours for 30 days. */
export const RANGES: readonly Range[] = [
  { name: "5m", seconds: 300, step: 5 },
  { name: "15m", seconds: 900, step: 15 },
  { name: "1h", seconds: 3600, step: 60 },
  { name: "6h", seconds: 21_600, step: 300 },
  { name: "24h", seconds: 86_400, step: 1200 },
  { name: "7d", seconds: 604_800, step: 7200 },
  { name: "30d", seconds: 2_592_000, step: 28_800 },
];
export const rangeNamed = (name: string | undefined): Range =>
  RANGES.find((range) => range.name === name) ?? RANGES[0]!;

/** `steps` false: the range as one number a group. `nowS` in seconds since 1970. */
export function metricsPath({ seconds, step }: Range, by: string, nowS: number, steps: boolean): string {
  const to = Math.floor(nowS) + 1;
  const from = steps ? Math.floor((to - seconds) / step) * step : to - seconds;
  return `/v1/metrics?from=${from}&to=${to}&step=${steps ? step : seconds}${by && `&by=${by}`}`;
}

export type Series = {
  readonly at: number[];
  readonly rate: number[];
  readonly errors: number[];
  readonly p50: (number | null)[];
  readonly p95: (number | null)[];
  readonly p99: (number | null)[];
};

/**
 * Every step of the time asked for: none is left out where nothing happened, where there is a rate of 0 but no latency. The last step is
 * as long as it has lasted; a short one is left out, for edges report once in a while.
 */
export function seriesOf({ from, to, step, groups }: MetricsResponse, group: Group | undefined = groups[0]): Series {
  const points = new Map(group?.points.map((point) => [point.at, point]));
  const series: Series = { at: [], rate: [], errors: [], p50: [], p95: [], p99: [] };
  const end = step <= 60 ? to - Math.min(step, 5) : to;
  for (let at = from - (from % step); at < end; at += step) {
    const point = points.get(at);
    const lasted = Math.max(1, Math.min(step, to - at));
    if (step <= 60 && at + step > to) break;
    series.at.push(at);
    series.rate.push((point?.requests ?? 0) / lasted);
    series.errors.push((point?.errors ?? 0) / lasted);
    for (const q of ["p50", "p95", "p99"] as const) series[q].push(point?.requests ? point[q] : null);
  }
  return series;
}

/** `namespace/name` of a resource. */
export const nameOf = ({ metadata: { namespace = "default", name } }: Resource): string => `${namespace}/${name}`;

/** All that traffic can go to, by name. A Service and a Backend of one name are one. */
export const servicesOf = (resources: readonly Resource[]): string[] =>
  [...new Set(resources.filter(({ kind }) => kind === "Service" || kind === "Backend").map(nameOf))].sort();

type Ref = { readonly kind?: string; readonly namespace?: string; readonly name: string };
type Spec = {
  readonly parentRefs?: readonly Ref[];
  readonly targetRefs?: readonly Ref[];
  readonly rules?: readonly { readonly backendRefs?: readonly Ref[] }[];
};
const specOf = (resource: Resource): Spec => (resource["spec"] ?? {}) as Spec;

const refersTo = (from: Resource, refs: readonly Ref[] = [], kinds: readonly string[], name: string): boolean =>
  refs.some(
    (ref) =>
      kinds.includes(ref.kind ?? "Service") &&
      `${ref.namespace ?? from.metadata.namespace ?? "default"}/${ref.name}` === name,
  );

const SERVES = ["Service", "Backend"];

/** Routes by which traffic comes to a service: attached to it, or sending to it. */
export const routesOf = (service: string, resources: readonly Resource[]): Resource[] =>
  resources.filter((resource) => {
    const { parentRefs = [], rules = [] } = specOf(resource);
    return (
      resource.kind.endsWith("Route") &&
      (refersTo(
        resource,
        parentRefs.filter(({ kind }) => kind !== undefined),
        SERVES,
        service,
      ) ||
        rules.some(({ backendRefs }) => refersTo(resource, backendRefs, SERVES, service)))
    );
  });

/** Policies on the service itself, on a route by which traffic comes to it, or on such a route's Gateway. */
export function policiesOf(service: string, resources: readonly Resource[]): Resource[] {
  const routes = routesOf(service, resources);
  const targets = new Set([
    ...SERVES.map((kind) => `${kind} ${service}`),
    ...routes.map((route) => `${route.kind} ${nameOf(route)}`),
    ...routes.flatMap((route) =>
      (specOf(route).parentRefs ?? []).map(
        ({ kind = "Gateway", namespace = route.metadata.namespace ?? "default", name }) =>
          `${kind} ${namespace}/${name}`,
      ),
    ),
  ]);
  return resources.filter((resource) =>
    (specOf(resource).targetRefs ?? []).some(
      ({ kind = "", namespace = resource.metadata.namespace ?? "default", name }) =>
        targets.has(`${kind} ${namespace}/${name}`),
    ),
  );
}

export type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
};

/** Every condition in a resource's status, wherever its kind keeps them, once. */
export function conditionsOf(resource: Resource): Condition[] {
  const found = new Map<string, Condition>();
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { type, status } = value as Partial<Condition>;
    if (typeof type === "string" && typeof status === "string") {
      const condition = value as Condition;
      found.set(`${type} ${status} ${condition.reason} ${condition.message}`, condition);
      return;
    }
    for (const part of Object.values(value)) look(part);
  };
  look(resource["status"]);
  return [...found.values()];
}

/** Conditions that say that something is wrong are False, but for the few that name a fault. */
const FAULTS = new Set(["Conflicted", "PartiallyInvalid", "OverlappingTLSConfig"]);
export const isBad = ({ type, status }: Condition): boolean =>
  (status === "True") === FAULTS.has(type) && status !== "Unknown";

export type Difference = { readonly title: string; readonly before?: Resource; readonly after?: Resource };

/**
 * From one epoch to another, by what a rollback to each would change of the epoch in force. Without their creation times and generations,
 * which say nothing of what was written.
 */
export function differences(toOld: readonly ChangeResult[], toNew: readonly ChangeResult[]): Difference[] {
  const keyed = (changes: readonly ChangeResult[]) =>
    new Map(
      changes
        .filter(({ action }) => action !== "unchanged")
        .map((change) => [`${change.kind} ${change.namespace ? `${change.namespace}/` : ""}${change.name}`, change]),
    );
  const [old, young] = [keyed(toOld), keyed(toNew)];
  return [...new Set([...old.keys(), ...young.keys()])].sort().flatMap((title) => {
    const [a, b] = [old.get(title), young.get(title)];
    // What a rollback would not touch is as it is in force, which the other one's `before` tells.
    const before = written(a ? a.after : b?.before);
    const after = written(b ? b.after : a?.before);
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ title, ...(before && { before }), ...(after && { after }) }];
  });
}

function written(resource: Resource | undefined): Resource | undefined {
  if (!resource) return undefined;
  const { creationTimestamp: _created, generation: _generation, ...metadata } = resource.metadata;
  const { status: _status, ...rest } = resource;
  return { ...rest, metadata } as Resource;
}

/** Resources by their key, for lists that must not jump. */
export const inOrder = (resources: readonly Resource[]): Resource[] =>
  resources.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
