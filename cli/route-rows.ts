/** What a snapshot routes, one row a match, in the order in which the edge tries them. */
import type { Candidate, Condition, Rule, RouteTable, Snapshot } from "../mesh/snapshot.ts";
import { listenersOf } from "../mesh/match.ts";
import { compareText } from "../mesh/problem.ts";

export type RouteRow = {
  /** `shop.example` or `*`; for a service address `catalog.shop`. */
  readonly host: string;
  readonly port: number;
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

export function routeRows(snapshot: Snapshot): RouteRow[] {
  const { services, rules, backends } = snapshot;
  const addresses = [
    ...listenersOf(snapshot, "").flatMap(({ port, hosts }) =>
      Object.entries(hosts)
        .toSorted(([a], [b]) => bySpecificity(a, b))
        .map(([host, table]) => ({ host: host || "*", port, table })),
    ),
    ...Object.entries(services).flatMap(([host, ports]) => ports.map(({ port, table }) => ({ host, port, table }))),
  ];
  return addresses.flatMap(({ host, port, table }) =>
    matches(table).flatMap(({ path, candidate }) => {
      const rule = rules[candidate.rule];
      return rule ? [{ host, port, path, ...row(candidate, rule, (index) => backends[index]?.name ?? null) }] : [];
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

/** A layer that answers by itself is why a rule has no backend, so it says how. */
function summary(layer: Rule["layers"][number]): string {
  if (layer.kind === "redirect") return `redirect ${layer.status}`;
  return layer.kind === "refuse" ? `refuse: ${layer.reason}` : layer.kind;
}

function matches({
  exact,
  regex = {},
  prefix,
}: RouteTable): { readonly path: RouteRow["path"]; readonly candidate: Candidate }[] {
  const paths = [
    ...Object.entries(exact)
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([value, candidates]) => ({ type: "exact", value, candidates }) as const),
    ...deepestFirst(regex).flatMap(([, candidates]) =>
      candidates.map((one) => ({ type: "regex", value: one.path ?? "", candidates: [one] }) as const),
    ),
    ...deepestFirst(prefix).map(
      ([value, candidates]) => ({ type: "prefix", value: value || "/", candidates }) as const,
    ),
  ];
  return paths.flatMap(({ type, value, candidates }) =>
    candidates.map((candidate) => ({ path: { type, value }, candidate })),
  );
}

const deepestFirst = (paths: RouteTable["prefix"]): [string, readonly Candidate[]][] =>
  Object.entries(paths).toSorted(([a], [b]) => b.length - a.length || compareText(a, b));

/** An exact name before a wildcard, a longer wildcard before a shorter one, any host last. */
const bySpecificity = (a: string, b: string): number =>
  Number(a === "") - Number(b === "") ||
  Number(a.startsWith("*")) - Number(b.startsWith("*")) ||
  (a.startsWith("*") ? b.length - a.length : 0) ||
  compareText(a, b);
