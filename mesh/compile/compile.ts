/**
 * Resources -> snapshot: references resolved, defaults filled in, everything in the order in which the edge tries it.
 * Deterministic: the same resources give the same snapshot, in whatever order they come.
 */
import type { MeshIdentity } from "../identity.ts";
import { byPlace, compareText, type Problem } from "../problem.ts";
import { type KindName, KINDS } from "../resources/kinds.ts";
import type { Resource } from "../resources/resource.ts";
import { type RouteTable, type ServicePort, type Snapshot, SNAPSHOT_FORMAT } from "../snapshot.ts";
import { attachments, listenerTargets, type ParentFact, policyTargets } from "./attach.ts";
import { type Destination, destinations, httpPorts } from "./backends.ts";
import { reportUncheckable } from "./health-checks.ts";
import { directServices, reportDirect } from "./direct.ts";
import { grants, type Grants } from "./grants.ts";
import { reportConditions } from "./layers/retry.ts";
import { type ListenerFact, type Listeners, reportListeners } from "./listeners.ts";
import { type Memo, memoAfter, type RouteFacts, type Tables } from "./memo.ts";
import { type Item, type Model, model } from "./model.ts";
import { ambiguousPaths, reportPathSections } from "./paths.ts";
import { keyOf, policies } from "./policies.ts";
import { type Compiling, ownRule, ruleCandidates } from "./rules.ts";
import { reportUncarriedFields, reportUncarriedRoute } from "./uncarried-fields.ts";
import { upsert } from "./upsert.ts";
import type { Placed } from "./table.ts";
import { ListenerBuilder, ServiceBuilder } from "./scopes.ts";

export type Compiled = {
  readonly snapshot: Snapshot;
  readonly problems: readonly Problem[];
  readonly facts: Facts;
  readonly memo: Memo;
};

/** What compile found out on the way to the tables: status says the same, since it is derived from the same. */
export type Facts = Compiling & {
  readonly grants: Grants;
  readonly listeners: Listeners;
  /** Of each route, by its parentRefs. */
  readonly parents: ReadonlyMap<Item<"HTTPRoute">, readonly ParentFact[]>;
};

/**
 * `identity` is what edges are to know of workloads; no resource says it. With the `memo` of an earlier compile, what is of resources that are
 * the same objects still is not made again. The result is the same, but that rules and backends may have other numbers, and some
 * of `rules` and `backends` nothing leads to.
 */
export function compile(resources: readonly Resource[], identity?: MeshIdentity, before?: Memo): Compiled {
  const from = model(resources);
  const granted = grants(from);
  const trustDomain = identity?.trustDomain;
  const memo = memoAfter(before, from, [trustDomain, ...surroundings(from)]);
  const found = memo.listeners;
  const compiling: Compiling = {
    model: from,
    trustDomain,
    policies: policies(from),
    destinations: destinations(from, granted),
    ...memo.numbers,
  };
  reportUncarried(from, resources);
  reportUncarriedFields(from);
  reportListeners(from, found);
  reportConditions(from);
  reportPathSections(from);
  reportUncheckable(from);
  reportDirect(from);
  const routes = new Map(from.all("HTTPRoute").map((route) => [route, routeFacts(compiling, route, memo)]));
  const parents = new Map([...routes].map(([route, facts]) => [route, facts.parents]));
  const { listeners, services } = tables(compiling, found, routes.values(), memo.tables);
  const direct = directServices(from, compiling.policies, Object.keys(services));
  const snapshot: Snapshot = {
    format: SNAPSHOT_FORMAT,
    listeners,
    services,
    rules: compiling.rules.list,
    backends: compiling.backends.list,
    ...(direct.length > 0 && { direct }),
    ...(identity && { identity }),
  };
  return {
    snapshot,
    problems: from.problems.toSorted(byPlace),
    facts: { ...compiling, grants: granted, listeners: found, parents },
    memo: { ...memo, rules: memo.rules || compiling.rules.list.length },
  };
}

/** All that routes are compiled from, but the routes: a route that is as it was, among what is as it was, compiles as it did. */
const surroundings = ({ all }: Model): readonly unknown[] =>
  KINDS.flatMap(({ kind }) => (kind === "HTTPRoute" ? [] : all(kind as KindName)));

function tables(
  compiling: Compiling,
  found: Listeners,
  routes: Iterable<RouteFacts>,
  kept: Tables,
): Pick<Snapshot, "listeners" | "services"> {
  const places = new Map<string, ListenerBuilder>();
  const atListeners = new Map<ListenerFact, ListenerBuilder>();
  const atServices = new Map<string, ServiceBuilder>();

  // A listener without routes still has its hostname to itself: a request for it must not fall to a wider one.
  for (const fact of found.all) {
    const { port, hostname = "" } = fact.listener;
    if (fact.refusal) continue;
    const builder = upsert(places, `${port} ${hostname}`, () => new ListenerBuilder(port, hostname));
    builder.of(titleOf(fact.gateway));
    builder.readsPaths(ambiguousPaths(compiling.policies, listenerTargets(fact)));
    atListeners.set(fact, builder);
  }

  // Routes come oldest first, which is the order that decides between equals.
  for (const { attached } of routes)
    for (const { attachment, candidates } of attached) {
      if (attachment.kind === "listener") {
        const { at, hostnames } = attachment;
        const gateway = titleOf(at.gateway);
        for (const host of hostnames) atListeners.get(at)!.add(gateway, host, candidates); // made above
      } else {
        const { service, ports, consumer } = attachment;
        for (const port of ports)
          upsert(atServices, serviceKey(service, port), () => new ServiceBuilder()).add(consumer, candidates);
      }
    }

  const listeners = [...places.values()]
    .toSorted((a, b) => a.port - b.port || compareText(a.hostname, b.hostname))
    .flatMap((builder) => builder.build(kept));
  return { listeners, services: services(compiling, atServices, kept) };
}

/** A route that is as it was, among what is as it was, comes to what it came to, and gives the same warnings. */
function routeFacts(compiling: Compiling, route: Item<"HTTPRoute">, { listeners, routes }: Memo): RouteFacts {
  const { model } = compiling;
  const { made, said } = routes.get(route, [], () =>
    model.overhear(() => attachedRoute(compiling, route, attachments(model, listeners, route))),
  );
  model.repeat(said);
  return made;
}

function attachedRoute(compiling: Compiling, route: Item<"HTTPRoute">, parents: readonly ParentFact[]): RouteFacts {
  reportUncarriedRoute(compiling.model, route);
  const known = new Map<string, readonly Placed[]>();
  const attached = parents.flatMap((fact) => {
    if (fact.kind !== "attached") {
      compiling.model.refuse(route, fact.refusal);
      return [];
    }
    return fact.to.map((attachment) => {
      const targets = policyTargets(attachment);
      const reached = targets.map(keyOf).join(" ");
      return { attachment, candidates: upsert(known, reached, () => ruleCandidates(compiling, route, targets)) };
    });
  });
  return { parents, attached };
}

/** Every Service answers at its address, by its routes or else by its own endpoints; so does every Backend without a Service of its name. */
function services(
  compiling: Compiling,
  routed: ReadonlyMap<string, ServiceBuilder>,
  kept: Tables,
): Snapshot["services"] {
  const { model, destinations } = compiling;
  const found: Record<string, ServicePort[]> = {};
  const own = (name: string, destination: () => Destination): RouteTable =>
    kept.of("own").get(name, [], () => everything(ownRule(compiling, destination())));
  for (const service of model.all("Service")) {
    const ports = httpPorts(service).map(({ port }): ServicePort => {
      const name = serviceKey(service, port);
      const { producer, consumers } = routed.get(name)?.build(name, kept) ?? {};
      const table = producer ?? own(name, () => destinations.ofService(service, port));
      return { port, table, ...(consumers && { consumers }) };
    });
    if (ports.length > 0) found[addressOf(service)] = ports;
  }
  for (const backend of model.all("Backend")) {
    const { namespace, name } = backend.metadata;
    // A name with a dot could not be told from its namespace.
    if (name.includes(".") || model.find("Service", namespace, name)) continue;
    const table = own(addressOf(backend), () => destinations.ofBackend(backend));
    found[addressOf(backend)] = [{ port: 80, table }];
  }
  return found;
}

type NamedItem = { readonly metadata: { readonly namespace: string; readonly name: string } };

const titleOf = ({ metadata: { namespace, name } }: NamedItem): string => `${namespace}/${name}`;
const addressOf = ({ metadata: { namespace, name } }: NamedItem): string => `${name}.${namespace}`;
const serviceKey = (service: NamedItem, port: number): string => `${addressOf(service)}:${port}`;
const everything = (rule: number): RouteTable => ({ exact: {}, prefix: { "": [{ rule }] } });

/** Kinds that this runtime cannot carry are said to be so, one by one. */
function reportUncarried(model: Model, resources: readonly Resource[]): void {
  for (const { kind, uncarried } of KINDS)
    if (uncarried !== undefined)
      for (const item of model.all(kind as KindName)) model.warn(item, "not-carried", "", uncarried);
  if (
    resources.length > 0 &&
    model.all("Gateway").length + model.all("Service").length + model.all("Backend").length === 0
  )
    model.problems.push({
      severity: "warning",
      code: "no-traffic",
      message: "nothing here takes traffic",
      fix: "add a Gateway, a Service or a Backend",
    });
}
