/** One form for snapshots that mean the same. */
import { Interned } from "./interned.ts";
import { compareText } from "./problem.ts";
import { renumbered } from "./renumber.ts";
import type { Backend, Candidate, Policy, Rule, RouteTable, Snapshot } from "./snapshot.ts";

/**
 * The snapshot with its rules and backends in the order in which one meets them going through its tables by name: what compile
 * gives, and what is left of the order when shards are put together again. What no table leads to is not there.
 */
export function normal(snapshot: Snapshot): Snapshot {
  const rules = new Interned<Rule>();
  const backends = new Interned<Backend>();
  const backend = (index: number): number => backends.index(snapshot.backends[index]!);
  const layers = (own: readonly Policy[]) => own.map((one) => renumbered(one, backend));
  const known = new Map<number, number>();
  const ruleOf = (index: number): number => {
    const { layers: own, backends: shares, ...rule } = snapshot.rules[index]!;
    const made = {
      ...rule,
      layers: layers(own),
      backends: shares.map((share) => ({
        ...share,
        backend: share.backend === null ? null : backend(share.backend),
        layers: layers(share.layers),
      })),
    };
    return rules.index(made);
  };
  const candidate = (one: Candidate): Candidate => {
    const rule = known.get(one.rule) ?? ruleOf(one.rule);
    known.set(one.rule, rule);
    return { ...one, rule };
  };
  const paths = (all: RouteTable["prefix"]) =>
    Object.fromEntries(inOrder(all).map(([path, list]) => [path, list.map(candidate)]));
  const table = ({ exact, regex, prefix }: RouteTable): RouteTable => ({
    exact: paths(exact),
    ...(regex && { regex: paths(regex) }),
    prefix: paths(prefix),
  });
  const tables = (all: Readonly<Record<string, RouteTable>>) =>
    Object.fromEntries(inOrder(all).map(([name, one]) => [name, table(one)]));
  return {
    ...snapshot,
    listeners: snapshot.listeners.map((listener) => ({ ...listener, hosts: tables(listener.hosts) })),
    services: Object.fromEntries(
      inOrder(snapshot.services).map(([name, ports]) => [
        name,
        ports.map(({ table: own, consumers, ...port }) => ({
          ...port,
          table: table(own),
          ...(consumers && { consumers: tables(consumers) }),
        })),
      ]),
    ),
    rules: rules.list,
    backends: backends.list,
  };
}

/** By key, whatever order it was built in. */
export const inOrder = <T>(record: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(record).sort(([a], [b]) => compareText(a, b));
