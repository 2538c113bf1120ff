/** What a snapshot routes, one row a match, in the order in which the edge tries them. */
import type { Candidate, Condition, Rule, Snapshot } from "../mesh/snapshot.ts";
import { allOf, shownPath } from "../mesh/candidates.ts";
import { summary } from "../mesh/explain/onward.ts";
import { listenersOf } from "../mesh/match.ts";
import { compareText } from "../mesh/problem.ts";

export type RouteRow = {
  /** `shop.example` or `*`; for a service address `catalog.shop`. */
  readonly host: string;
  readonly port: number;
  /** The namespace whose callers alone this is for, in place of all that the service's own routes say; null for everyone. */
  readonly caller: string | null;
  /** `namespace/name` of the Gateways that have the host; none for a service. */
  readonly gateways: readonly string[];
  readonly path: { readonly type: "exact" | "regex" | "prefix"; readonly value: string };
  readonly method: string | null;
  readonly headers: readonly Condition[];
  readonly query: readonly Condition[];
  /** `namespace/name` */
  readonly route: string;
  readonly rule: string;
  readonly backends: readonly { readonly name: string | null; readonly weight: number }[];
  /** Layers around the rule, outermost first. */
  readonly layers: readonly string[];
};

/** `gateway` (`namespace/name`) is the only one whose listeners count; empty text takes those of all. */
export function routeRows(snapshot: Snapshot, gateway = ""): RouteRow[] {
  const { services, rules, backends } = snapshot;
  const addresses = [
    ...listenersOf(snapshot, gateway).flatMap(({ port, hosts, gateways }) =>
      Object.entries(hosts)
        .toSorted(([a], [b]) => bySpecificity(a, b))
        .map(([host, table]) => ({ host: host || "*", port, caller: null, gateways, table })),
    ),
    ...Object.entries(services).flatMap(([host, ports]) =>
      ports.flatMap(({ port, table, consumers = {} }) =>
        [[null, table] as const, ...Object.entries(consumers)].map(([caller, own]) => ({
          host,
          port,
          caller,
          gateways: [],
          table: own,
        })),
      ),
    ),
  ];
  return addresses.flatMap(({ table, ...address }) =>
    allOf(table).flatMap((placed) => {
      const rule = rules[placed.candidate.rule];
      const path = { type: placed.kind, value: shownPath(placed) };
      const nameOf = (index: number) => backends[index]?.name ?? null;
      return rule ? [{ ...address, path, ...row(placed.candidate, rule, nameOf) }] : [];
    }),
  );
}

function row({ method, headers = [], query = [] }: Candidate, rule: Rule, nameOf: (backend: number) => string | null) {
  return {
    method: method ?? null,
    headers,
    query,
    route: rule.route,
    rule: rule.rule,
    backends: rule.backends.map(({ backend, weight }) => ({ name: backend === null ? null : nameOf(backend), weight })),
    layers: rule.layers.map(summary),
  };
}

/** An exact name before a wildcard, a longer wildcard before a shorter one, any host last. */
const bySpecificity = (a: string, b: string): number =>
  Number(a === "") - Number(b === "") ||
  Number(a.startsWith("*")) - Number(b.startsWith("*")) ||
  (a.startsWith("*") ? b.length - a.length : 0) ||
  compareText(a, b);
