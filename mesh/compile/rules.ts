/** A route's rules: where each match hangs, which layers wrap it, and which backends answer. */
import type {
  CorsFilter,
  HeaderModifier,
  PathModifier,
  RequestMirror,
  RouteFilter,
  RouteMatch,
  RouteRule,
} from "../resources/http-route.ts";
import { milliseconds } from "../resources/parts.ts";
import { folderOf } from "../pattern.ts";
import type { Session } from "../policies/session.ts";
import type {
  Backend,
  Candidate,
  Condition,
  HeaderChanges,
  PathChange,
  Policy,
  Rule,
  WeightedBackend,
} from "../snapshot.ts";
import type { Destination, Destinations } from "./backends.ts";
import type { Interned } from "../interned.ts";
import type { Item, Model } from "./model.ts";
import { inOrder } from "./order.ts";
import type { Policies, Target } from "./policies.ts";
import type { Placed } from "./table.ts";

export type Compiling = {
  readonly model: Model;
  readonly policies: Policies;
  readonly destinations: Destinations;
  readonly rules: Interned<Rule>;
  readonly backends: Interned<Backend>;
};

type Route = Item<"HTTPRoute">;

/** The candidates of every rule of `route`, as reached through `parents` (least specific first), which policies may target. */
export function ruleCandidates(compiling: Compiling, route: Route, parents: readonly Target[]): Placed[] {
  const { namespace, name } = route.metadata;
  return route.spec.rules.flatMap((rule, index) => {
    const path = `spec.rules[${index}]`;
    const own: Target = { kind: "HTTPRoute", namespace, name };
    const targets = [...parents, own, ...(rule.name === undefined ? [] : [{ ...own, section: rule.name }])];
    const backends = ruleBackends(compiling, route, rule, path, targets);
    const compiled = compiling.rules.index({
      route: `${namespace}/${name}`,
      rule: rule.name ?? String(index),
      layers: inOrder([
        ...ruleLayers(compiling, route, rule, path, targets),
        ...sessionLayer(rule, `${namespace}/${name}/${rule.name ?? index}`, backends),
      ]),
      backends,
    });
    return rule.matches.map((match) => place(match, compiled));
  });
}

/** The rule by which a Service or Backend without routes answers at its own address. */
export function ownRule(compiling: Compiling, destination: Destination): number {
  const { target } = destination;
  return compiling.rules.index({
    route: `${target.namespace}/${target.name}`,
    rule: "",
    layers: [],
    backends: [weighted(compiling, destination, 1, [], [])],
  });
}

function place(match: RouteMatch, rule: number): Placed {
  const { type, value } = match.path;
  const candidate: Candidate = {
    rule,
    ...(match.method === undefined ? {} : { method: match.method }),
    ...(match.headers.length === 0 ? {} : { headers: firstOfEach(match.headers, (name) => name.toLowerCase()) }),
    ...(match.queryParams.length === 0 ? {} : { query: firstOfEach(match.queryParams, (name) => name) }),
  };
  switch (type) {
    case "Exact":
      return { kind: "exact", path: value, candidate };
    case "RegularExpression":
      return { kind: "regex", path: folderOf(value), candidate: { ...candidate, path: value } };
    case "PathPrefix":
      return { kind: "prefix", path: value.replace(/\/+$/, ""), candidate };
  }
}

/** Of several conditions on one name the first holds and the others are ignored, says Gateway API. */
function firstOfEach(all: RouteMatch["headers"], fold: (name: string) => string): Condition[] {
  const byName = new Map<string, Condition>();
  for (const { type, name, value } of all) {
    const folded = fold(name);
    if (!byName.has(folded))
      byName.set(folded, { name: folded, value, ...(type === "RegularExpression" && { regex: true }) });
  }
  return [...byName.values()];
}

function ruleLayers(
  compiling: Compiling,
  route: Route,
  rule: RouteRule,
  path: string,
  targets: readonly Target[],
): Policy[] {
  const { model, policies } = compiling;
  for (const field of ["retry"] as const)
    if (rule[field] !== undefined)
      model.warn(route, "not-carried", `${path}.${field}`, `${field} is not programmed`, "leave it out");
  const filters = filterLayers(compiling, { route, targets }, rule.filters, path);
  const limits = policies.limits(frontTargets(rule, route, targets));
  return [
    ...deadline(timeoutOf(rule) ?? policies.timeoutMs(targets)),
    ...(limits.length > 0 ? [{ kind: "rate-limit", limits } as const] : []),
    ...filters,
  ];
}

function sessionLayer(
  { sessionPersistence }: RouteRule,
  scope: string,
  backends: readonly WeightedBackend[],
): Policy[] {
  if (!sessionPersistence) return [];
  const {
    type,
    sessionName,
    cookie,
    cookieConfig,
    header,
    absoluteTimeout = "0s",
    idleTimeout = "0s",
  } = sessionPersistence;
  const name = cookie?.name ?? sessionName;
  const permanent = (cookie ?? cookieConfig)?.lifetimeType === "Permanent";
  const carrier: Session["carrier"] =
    type === "Header"
      ? { kind: "header", name: (header?.name ?? sessionName ?? "session").toLowerCase() }
      : { kind: "cookie", ...defined({ name }), permanent };
  const times = { absoluteMs: milliseconds(absoluteTimeout), idleMs: milliseconds(idleTimeout) };
  return [
    {
      kind: "session",
      scope,
      shares: backends.map(({ backend }) => backend),
      carrier,
      // `0s` means no limit.
      ...(times.absoluteMs > 0 && { absoluteMs: times.absoluteMs }),
      ...(times.idleMs > 0 && { idleMs: times.idleMs }),
    },
  ];
}

/**
 * A Service that its own route sends on to is limited where it is the backend, as it is for traffic from elsewhere;
 * limiting it at the front door too would count a request twice.
 */
const frontTargets = (rule: RouteRule, route: Route, targets: readonly Target[]): Target[] =>
  targets.filter(
    ({ kind, namespace, name }) =>
      kind !== "Service" ||
      !rule.backendRefs.some(
        (ref) =>
          ref.kind === "Service" && ref.name === name && (ref.namespace ?? route.metadata.namespace) === namespace,
      ),
  );

/** The tighter of the two: without retries, one try is the whole request. `0s` switches a timeout off. */
function timeoutOf({ timeouts }: RouteRule): number | undefined {
  if (!timeouts) return undefined;
  const given = [timeouts.request, timeouts.backendRequest].flatMap((text) =>
    text === undefined ? [] : milliseconds(text),
  );
  const limits = given.filter((ms) => ms > 0);
  return limits.length > 0 ? Math.min(...limits) : given.length > 0 ? 0 : undefined;
}

/** A runtime's timer holds 31 bits; a longer one would go off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const deadline = (ms: number | undefined): Policy[] =>
  ms ? [{ kind: "deadline", ms: Math.min(ms, LONGEST_TIMER_MS) }] : [];

/** A route, and what it was reached through. */
type Reached = { readonly route: Route; readonly targets: readonly Target[] };

const filterLayers = (compiling: Compiling, from: Reached, filters: readonly RouteFilter[], path: string): Policy[] =>
  filters.flatMap((filter, index) => filterLayer(compiling, from, filter, `${path}.filters[${index}]`));

/** One layer, or none where the filter comes to nothing. */
function filterLayer(compiling: Compiling, from: Reached, filter: RouteFilter, path: string): Policy | [] {
  switch (filter.type) {
    case "RequestHeaderModifier":
      return { kind: "request-headers", ...headerChanges(filter.requestHeaderModifier) };
    case "ResponseHeaderModifier":
      return { kind: "response-headers", ...headerChanges(filter.responseHeaderModifier) };
    case "RequestRedirect": {
      const { statusCode: status, path: to, ...rest } = filter.requestRedirect;
      return { kind: "redirect", status, ...defined(rest), ...(to && { path: pathChange(to) }) };
    }
    case "URLRewrite": {
      const { hostname, path: to } = filter.urlRewrite;
      return { kind: "rewrite", ...defined({ hostname }), ...(to && { path: pathChange(to) }) };
    }
    case "RequestMirror":
      return mirrorLayer(compiling, from, filter.requestMirror, `${path}.requestMirror.backendRef`);
    case "CORS":
      return corsLayer(filter.cors);
    case "ExternalAuth":
    case "ExtensionRef":
      // A filter must not be skipped: what it would have kept out would get through.
      compiling.model.warn(
        from.route,
        "not-carried",
        path,
        `filter ${filter.type} is not programmed: the rule answers 500`,
        "leave it out",
      );
      return { kind: "refuse", reason: `filter ${filter.type}` };
  }
}

/** A mirror that leads nowhere is left out, says Gateway API: the requests themselves must not suffer by it. */
function mirrorLayer(
  { destinations, backends }: Compiling,
  { route, targets }: Reached,
  { backendRef, percent = 100, fraction = { numerator: percent, denominator: 100 } }: RequestMirror,
  path: string,
): Policy | [] {
  const destination = destinations.resolve(route, backendRef, path, targets);
  const share = fraction.numerator / fraction.denominator;
  return destination && share > 0 ? { kind: "mirror", backend: backends.index(destination.backend), share } : [];
}

function corsLayer(cors: CorsFilter): Policy {
  const { allowOrigins, allowCredentials = false, allowMethods, allowHeaders, exposeHeaders, maxAge } = cors;
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  return {
    kind: "cors",
    origins: lower(allowOrigins),
    credentials: allowCredentials,
    methods: allowMethods,
    headers: lower(allowHeaders),
    expose: lower(exposeHeaders),
    maxAgeSeconds: maxAge,
  };
}

const headerChanges = ({ set, add, remove }: HeaderModifier): HeaderChanges => ({
  set: set.map(lowerCased),
  add: add.map(lowerCased),
  remove: remove.map((name) => name.toLowerCase()),
});

const lowerCased = ({ name, value }: { name: string; value: string }) => ({ name: name.toLowerCase(), value });

const pathChange = (modifier: PathModifier): PathChange =>
  modifier.type === "ReplaceFullPath"
    ? { kind: "full", to: modifier.replaceFullPath }
    : { kind: "prefix", to: modifier.replacePrefixMatch };

function ruleBackends(
  compiling: Compiling,
  route: Route,
  rule: RouteRule,
  path: string,
  targets: readonly Target[],
): WeightedBackend[] {
  const { destinations } = compiling;
  return rule.backendRefs.flatMap((ref, index): WeightedBackend[] => {
    const at = `${path}.backendRefs[${index}]`;
    const destination = destinations.resolve(route, ref, at, targets);
    // A session outlives its backend's weight (GEP-1619, "Traffic Splitting").
    if (ref.weight === 0 && !(rule.sessionPersistence && destination)) return [];
    if (!destination) return [{ backend: null, weight: ref.weight, layers: [] }];
    const filters = filterLayers(compiling, { route, targets }, ref.filters, at);
    return [weighted(compiling, destination, ref.weight, filters, targets)];
  });
}

function weighted(
  { policies, backends }: Compiling,
  { backend, target }: Destination,
  weight: number,
  filters: readonly Policy[],
  targets: readonly Target[],
): WeightedBackend {
  const limits = policies.limits([target]);
  const breaker = policies.breaker([...targets, target]);
  const layers = inOrder([
    ...deadline(policies.timeoutMs([target])),
    ...(limits.length > 0 ? [{ kind: "rate-limit", limits } as const] : []),
    ...filters,
    ...(breaker ? [breakerLayer(breaker, backend.name)] : []),
  ]);
  return { backend: backends.index(backend), weight, layers };
}

/** Two policies over one backend are two circuits: each would otherwise open and close by the other's thresholds. */
function breakerLayer({ policy, ...rest }: NonNullable<ReturnType<Policies["breaker"]>>, backend: string): Policy {
  return { kind: "breaker", circuit: `${backend} by ${policy}`, ...rest };
}

/** Without the members that are undefined, which `exactOptionalPropertyTypes` tells apart from absent ones. */
function defined<T extends Record<string, unknown>>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
