/** Manifest and shards -> the snapshot that they were made of: for those who show it. Edges match against the shards as they are. */
import { check } from "./check.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { normal } from "./normal.ts";
import type { Published } from "./published.ts";
import { renumbered } from "./renumber.ts";
import { listenerScope, servicePartsOf } from "./scope.ts";
import { SECTIONS } from "./shard/layout.ts";
import { adopt, backendsOf, ruleAt, type Shard, textAt } from "./shard/read.ts";
import {
  type Backend,
  type Candidate,
  type Condition,
  type Listener,
  type Policy,
  type Rule,
  type RouteTable,
  type ServicePort,
  type Snapshot,
  SNAPSHOT_FORMAT,
} from "./snapshot.ts";

/** The snapshot that was published; rules and backends numbered by where they are first met. Throws an Error on what is none. */
export function decode({ manifest, shards }: Published): Snapshot {
  const read = readManifest(manifest);
  const all = read.shards.map(({ hash }) => {
    const bytes = shards.get(hash);
    check(bytes !== undefined, `the shard ${hash}`);
    return adopt(bytes);
  });
  return normal(assembled(read, all));
}

function assembled(manifest: Manifest, shards: readonly Shard[]): Snapshot {
  const rules: Rule[] = [];
  const backends: Backend[] = [];
  const byScope = new Map<string, Map<string, RouteTable>>();
  const services = new Map<string, Map<number, ServicePort>>();
  for (const shard of shards) {
    const from = { rule: rules.length, backend: backends.length };
    for (let at = 0; at < shard.rules.length / SECTIONS.rules - 1; at++)
      rules.push(ruleFrom(ruleAt(shard, at), from.backend));
    backends.push(...backendsOf(shard));
    for (let at = 0; at < shard.entries.length; at += SECTIONS.entries) {
      const [scopeNumber, nameText, number] = shard.entries.subarray(at, at + SECTIONS.entries);
      const scope = textAt(shard, shard.scopes[scopeNumber!]!);
      const name = textAt(shard, nameText!);
      const table = tableOf(shard, number!, from.rule);
      const service = servicePartsOf(scope);
      if (!service) byScope.set(scope, (byScope.get(scope) ?? new Map<string, RouteTable>()).set(name, table));
      else if (service.port !== undefined) {
        const { port, consumer } = service;
        const ports = services.get(name) ?? new Map<number, ServicePort>();
        services.set(name, ports.set(port, withTable(ports.get(port), port, consumer, table)));
      }
    }
  }
  const listeners = manifest.listeners.map((listener): Listener => {
    const hosts = byScope.get(listenerScope(listener)) ?? new Map<string, RouteTable>();
    return { ...listener, hosts: Object.fromEntries(hosts) };
  });
  return {
    format: SNAPSHOT_FORMAT,
    listeners,
    services: Object.fromEntries([...services].map(([name, ports]) => [name, [...ports.values()]])),
    rules,
    backends,
    ...(manifest.direct && { direct: manifest.direct }),
    ...(manifest.identity && { identity: manifest.identity }),
  };
}

/** A service's own table stands before those of its consumers. */
function withTable(known: ServicePort | undefined, port: number, consumer: string, table: RouteTable): ServicePort {
  if (!known) return { port, table };
  return { ...known, consumers: { ...known.consumers, [consumer]: table } };
}

function ruleFrom(rule: Rule, from: number): Rule {
  const layers = (own: readonly Policy[]) => own.map((one) => renumbered(one, (backend) => from + backend));
  return {
    ...rule,
    layers: layers(rule.layers),
    backends: rule.backends.map((share) => ({
      ...share,
      backend: share.backend === null ? null : from + share.backend,
      layers: layers(share.layers),
    })),
  };
}

function tableOf(shard: Shard, table: number, from: number): RouteTable {
  const { places } = shard;
  const found = { exact: new Map(), regex: new Map(), prefix: new Map() } as const satisfies Record<
    string,
    Map<string, readonly Candidate[]>
  >;
  for (let at = 0; at + SECTIONS.places < places.length; at += SECTIONS.places) {
    if (places[at] !== table) continue;
    const path = textAt(shard, places[at + 1]!);
    const begins = [places[at + 2]!, places[at + 3]!, places[at + 4]!, places[at + SECTIONS.places + 2]!];
    [found.exact, found.regex, found.prefix].forEach((paths, kind) => {
      const [begin, end] = [begins[kind]!, begins[kind + 1]!];
      if (end > begin)
        paths.set(
          path,
          Array.from({ length: end - begin }, (_, index) => candidateOf(shard, begin + index, from)),
        );
    });
  }
  return {
    exact: Object.fromEntries(found.exact),
    ...(found.regex.size > 0 && { regex: Object.fromEntries(found.regex) }),
    prefix: Object.fromEntries(found.prefix),
  };
}

function candidateOf(shard: Shard, at: number, from: number): Candidate {
  const record = shard.candidates.subarray(at * SECTIONS.candidates);
  const [rule, method, pattern, headers, query] = record;
  const end = record[SECTIONS.candidates + 3]!;
  return {
    rule: from + rule!,
    ...(pattern !== 0 && { path: textAt(shard, shard.patterns[pattern! - 1]!) }),
    ...(method !== 0 && { method: textAt(shard, method! - 1) }),
    ...(query! > headers! && { headers: conditionsOf(shard, headers!, query!) }),
    ...(end > query! && { query: conditionsOf(shard, query!, end) }),
  };
}

const conditionsOf = (shard: Shard, begin: number, end: number): Condition[] =>
  Array.from({ length: end - begin }, (_, index) => {
    const [name, value, pattern] = shard.conditions.subarray((begin + index) * SECTIONS.conditions);
    return {
      name: textAt(shard, name!),
      value: textAt(shard, value!),
      ...(pattern !== 0 && { regex: true as const }),
    };
  });
