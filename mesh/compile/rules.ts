/** A route's rules: where each match hangs, which layers wrap it, and which backends answer. */
import type { RouteMatch, RouteRule } from "../resources/http-route.ts";
import { folderOf } from "../pattern.ts";
import type { Backend, Candidate, Condition, Policy, Rule, WeightedBackend } from "../snapshot.ts";
import type { Destination, Destinations } from "./backends.ts";
import { filterLayers } from "./filters.ts";
import { Interned } from "../interned.ts";
import type { Item, Model } from "./model.ts";
import { adaptiveConcurrencyLayer } from "./layers/adaptive-concurrency.ts";
import { assertLayer } from "./layers/assert.ts";
import { authenticateLayer } from "./layers/authenticate.ts";
import { authorizeLayer, type Mirrored } from "./layers/authorize.ts";
import { balanceLayer } from "./layers/balance.ts";
import { breakerLayer } from "./layers/breaker.ts";
import { bypassLayer, ruleBypass } from "./layers/bypass.ts";
import { concurrencyLayer } from "./layers/concurrency.ts";
import { idempotencyLayer, targetsWithBackends } from "./layers/idempotency.ts";
import { exposeEndpointLayer } from "./layers/expose-endpoint.ts";
import { faultLayers } from "./layers/fault.ts";
import { hedgeLayer } from "./layers/hedge.ts";
import { lowPriorityLayer } from "./layers/low-priority.ts";
import { rateLimitLayer } from "./layers/rate-limit.ts";
import { requestLimitsLayer } from "./layers/request-limits.ts";
import { retryLayer } from "./layers/retry.ts";
import { sessionLayer } from "./layers/session.ts";
import { staleServeLayer } from "./layers/stale-serve.ts";
import { telemetryLayer } from "./layers/telemetry.ts";
import { policyDeadline, routeDeadline, tryTimeouts } from "./layers/timeouts.ts";
import { inOrder } from "./order.ts";
import { MESH_TARGET, namespaceTarget, type Policies, type Target } from "./policies.ts";
import type { Placed } from "./table.ts";

export type Compiling = Numbering & {
  readonly model: Model;
  /** Undefined while the mesh has no identities. */
  readonly trustDomain: string | undefined;
  readonly policies: Policies;
  readonly destinations: Destinations;
};

/** What rules, backends and stacks of layers are numbered by. */
export type Numbering = {
  readonly rules: Interned<Rule>;
  readonly backends: Interned<Backend>;
  readonly stacks: Interned<readonly Policy[]>;
};

type Route = Item<"HTTPRoute">;

/** A rule's layers are a stack of the list, so that they need not be compared again. */
export function numbering(): Numbering {
  const stacks = new Interned<readonly Policy[]>();
  const rules = new Interned<Rule>(({ route, rule, layers, backends }) => [
    route,
    rule,
    stacks.index(layers),
    backends.map((share) => [share.backend, share.weight, stacks.index(share.layers)]),
  ]);
  return { rules, backends: new Interned(), stacks };
}

/** The candidates of every rule of `route`, as reached through `parents` (least specific first), which policies may target. */
export function ruleCandidates(compiling: Compiling, route: Route, parents: readonly Target[]): Placed[] {
  return route.spec.rules.flatMap((rule, index) => {
    const compiled = compiledRule(compiling, route, index, parents);
    return rule.matches.map((match) => place(match, compiled));
  });
}

/** The index of one of the route's rules as it is reached through `parents`. */
export function compiledRule(compiling: Compiling, route: Route, index: number, parents: readonly Target[]): number {
  const { namespace, name } = route.metadata;
  const rule = route.spec.rules[index]!;
  const path = `spec.rules[${index}]`;
  const own: Target = { kind: "HTTPRoute", namespace, name };
  const targets = [...parents, own, ...(rule.name === undefined ? [] : [{ ...own, section: rule.name }])];
  const shares = ruleBackends(compiling, route, rule, path, targets);
  const backends = shares.map(({ share }) => share);
  const leadsTo = shares.flatMap(({ target }) => target ?? []);
  return compiling.rules.index({
    route: `${namespace}/${name}`,
    rule: rule.name ?? String(index),
    layers: compiling.stacks.shared(
      inOrder([
        ...telemetryLayer(compiling.policies, [
          MESH_TARGET,
          namespaceTarget(namespace),
          ...targetsWithBackends(rule, namespace, targets),
        ]),
        ...ruleBypass(compiling.policies, targets, leadsTo),
        ...ruleLayers(compiling, route, rule, path, targets),
        ...callerLayers(compiling.policies, targets, leadsTo, mirroredTo(compiling, route, rule, path, targets)),
        ...sessionLayer(rule, `${namespace}/${name}/${rule.name ?? index}`, backends),
        ...staleServeLayer(
          compiling.policies,
          [...targets, ...leadsTo.toReversed()],
          `${namespace}/${name}/${rule.name ?? index}`,
        ),
      ]),
    ),
    backends,
  });
}

/** The rule by which a Service or Backend without routes answers at its own address. */
export function ownRule(compiling: Compiling, destination: Destination): number {
  const { target } = destination;
  return compiling.rules.index({
    route: `${target.namespace}/${target.name}`,
    rule: "",
    layers: compiling.stacks.shared(
      inOrder([
        ...bypassLayer(compiling.policies, [target]),
        ...requestLimitsLayer(compiling.policies, [target]),
        ...telemetryLayer(compiling.policies, [MESH_TARGET, namespaceTarget(target.namespace), target]),
        ...callerLayers(compiling.policies, [], [target]),
        ...idempotencyLayer(compiling.policies, [target], `${target.kind}/${target.namespace}/${target.name}`),
        ...staleServeLayer(compiling.policies, [target], `${target.kind}/${target.namespace}/${target.name}`),
      ]),
    ),
    backends: [
      weighted(compiling, destination, 1, {
        rule: undefined,
        name: `${target.namespace}/${target.name}`,
        filters: [],
        targets: [],
      }),
    ],
  });
}

/** Who calls, and whether it may: asked once, before anything else is done for the call, of all that the rule can lead to. */
function callerLayers(
  policies: Policies,
  way: readonly Target[],
  leadsTo: readonly Target[],
  mirrored: readonly Mirrored[] = [],
): Policy[] {
  const homes = [...new Set([...way, ...leadsTo].map(({ namespace }) => namespace))];
  const all = [MESH_TARGET, ...homes.map(namespaceTarget), ...way, ...leadsTo];
  return [...authenticateLayer(policies, all), ...authorizeLayer(policies, way, leadsTo, mirrored)];
}

/** Where the filters of a rule and of its references send copies. */
function mirroredTo(
  { destinations, backends }: Compiling,
  route: Route,
  rule: RouteRule,
  path: string,
  targets: readonly Target[],
): Mirrored[] {
  const lists = [
    { at: path, filters: rule.filters },
    ...rule.backendRefs.map(({ filters }, index) => ({ at: `${path}.backendRefs[${index}]`, filters })),
  ];
  return lists.flatMap(({ at, filters }) =>
    filters.flatMap((filter, index): Mirrored[] => {
      if (filter.type !== "RequestMirror") return [];
      const { backendRef } = filter.requestMirror;
      const found = destinations.resolve(
        route,
        backendRef,
        `${at}.filters[${index}].requestMirror.backendRef`,
        targets,
      );
      if (!found) return [];
      return [{ backend: backends.index(found.backend), name: found.backend.name, target: found.target }];
    }),
  );
}

export function place(match: RouteMatch, rule: number): Placed {
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
  const { policies } = compiling;
  return [
    ...routeDeadline(policies, rule, targets),
    ...lowPriorityLayer(policies, targets),
    ...requestLimitsLayer(policies, frontTargets(rule, route, targets)),
    ...rateLimitLayer(policies, frontTargets(rule, route, targets)),
    ...idempotencyLayer(
      policies,
      targetsWithBackends(rule, route.metadata.namespace, targets),
      `HTTPRoute/${route.metadata.namespace}/${route.metadata.name}`,
    ),
    ...filterLayers(compiling, { route, targets, rule: nameOf(route, rule) }, rule.filters, path),
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

/** `namespace/route/rule`. */
const nameOf = ({ metadata, spec }: Route, rule: RouteRule): string =>
  `${metadata.namespace}/${metadata.name}/${rule.name ?? spec.rules.indexOf(rule)}`;

/** A share of a rule's traffic, and what policies may target it by. */
type Share = { readonly share: WeightedBackend; readonly target?: Target };

function ruleBackends(
  compiling: Compiling,
  route: Route,
  rule: RouteRule,
  path: string,
  targets: readonly Target[],
): Share[] {
  const { destinations } = compiling;
  const name = nameOf(route, rule);
  return rule.backendRefs.flatMap((ref, index): Share[] => {
    const at = `${path}.backendRefs[${index}]`;
    const destination = destinations.resolve(route, ref, at, targets);
    // A session outlives its backend's weight (GEP-1619, "Traffic Splitting").
    if (ref.weight === 0 && !(rule.sessionPersistence && destination)) return [];
    if (!destination) return [{ share: { backend: null, weight: ref.weight, layers: [] } }];
    const filters = filterLayers(compiling, { route, targets, rule: name }, ref.filters, at);
    const share = weighted(compiling, destination, ref.weight, { rule, name, filters, targets });
    return [{ share, target: destination.target }];
  });
}

/** The way to a backend: the rule that leads there, if there is one, the reference's filters, and what policies may target before it. */
type Way = {
  readonly rule: RouteRule | undefined;
  /** The rule's, `namespace/route/rule`. */
  readonly name: string;
  readonly filters: readonly Policy[];
  readonly targets: readonly Target[];
};

function weighted(
  { policies, backends, stacks, trustDomain }: Compiling,
  { backend, target }: Destination,
  weight: number,
  { rule, name, filters, targets }: Way,
): WeightedBackend {
  const all = [...targets, target];
  const index = backends.index(backend);
  const layers = inOrder([
    ...bypassLayer(policies, all),
    ...policyDeadline(policies, [target]),
    ...lowPriorityLayer(policies, [target]),
    // At its own address, they hold before the rule's layers do anything.
    ...(rule ? requestLimitsLayer(policies, [target]) : []),
    ...rateLimitLayer(policies, [target]),
    ...filters,
    ...assertLayer(policies, [MESH_TARGET, namespaceTarget(target.namespace), ...all], trustDomain),
    ...exposeEndpointLayer(policies, all, index),
    ...breakerLayer(policies, all, backend, index, name),
    ...concurrencyLayer(policies, all, backend.name),
    ...adaptiveConcurrencyLayer(policies, all, backend.name),
    ...retryLayer(policies, rule, all, backend.name),
    ...balanceLayer(policies, all, backend, index),
    ...hedgeLayer(policies, all, `${name} to ${backend.name}`),
    ...faultLayers(policies, all),
    ...tryTimeouts(policies, rule, all),
  ]);
  return { backend: index, weight, layers: stacks.shared(layers) };
}
