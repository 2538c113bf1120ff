/**
 * Which rules no request reaches. Sound: a match counts as lost only where others take every request that meets it, which the
 * order of precedence and `covers` prove; the request that is shown is one of them. Complete where no regular expression is
 * involved: the least request of a match meets as few others as any of its requests does.
 */
import { allOf, isBelow, listenerFor, namesOf, patternOf, takerIn } from "../candidates.ts";
import type { Placed } from "../compile/table.ts";
import { listenersOf, type Subject } from "../match.ts";
import type { Condition, Listener, RouteTable, Snapshot } from "../snapshot.ts";
import { leastRequests, subjectOf, type Witness } from "./witness.ts";

/** A match that decides nothing at one place. */
export type Loss = {
  readonly placed: Placed;
  /** The host or service whose requests are lost there. */
  readonly place: string;
  readonly witness: Witness;
  /** The rule that takes the witness; undefined where the listener that has the host to itself has none for it. */
  readonly taker: number | undefined;
  /** The hostname of that listener, where it is not the one that the route attached to. */
  readonly listener?: string;
};

export type Reach = { reached: boolean; readonly losses: Loss[] };

/** By `Rule.route` and `Rule.rule`, since a rule that is reached in different ways may be compiled to several. */
export function reach(snapshot: Snapshot): ReadonlyMap<string, Reach> {
  const found = new Map<string, Map<string, Loss | undefined>>();
  const fresh = freshWord(snapshot);
  const own = new Map<string, Reach>();

  /** One verdict on each match at each place; what wins in any scope is not lost. */
  const judge = (place: string, placed: Placed, loss: Loss | undefined) => {
    const key = ruleKey(snapshot, placed.candidate.rule);
    const verdicts = found.get(key) ?? new Map<string, Loss | undefined>();
    const match = `${place} ${matchKey(placed)}`;
    if (!verdicts.has(match) || !loss) verdicts.set(match, loss);
    found.set(key, verdicts);
  };
  for (const scope of scopesOf(snapshot)) {
    const listeners = listenersOf(snapshot, scope);
    for (const listener of listeners)
      for (const [name, table] of Object.entries(listener.hosts))
        for (const [placed, loss] of atListener(listeners, listener, name, table, fresh))
          judge(`${listener.port} ${listener.hostname} ${name}`, placed, loss);
  }
  for (const { place, to, table } of serviceTables(snapshot))
    for (const placed of allOf(table)) judge(place, placed, lossIn(table, placed, to, place, fresh));

  for (const [key, verdicts] of found) {
    const losses = [...verdicts.values()].filter((loss) => loss !== undefined);
    own.set(key, { reached: losses.length < verdicts.size, losses });
  }
  return own;
}

export const ruleKey = ({ rules }: Snapshot, index: number): string => `${rules[index]!.route} ${rules[index]!.rule}`;

/** Equal for equal matches of one rule. */
export const matchKey = ({ kind, path, candidate: { rule: _rule, ...match } }: Placed): string =>
  JSON.stringify([kind, path, match]);

/** An edge serves all Gateways or one of them. */
function scopesOf({ listeners }: Snapshot): string[] {
  const gateways = new Set(listeners.flatMap((listener) => listener.gateways));
  return gateways.size > 1 ? ["", ...gateways] : [""];
}

function* serviceTables({ services }: Snapshot) {
  for (const [service, ports] of Object.entries(services))
    for (const { port, table, consumers = {} } of ports)
      for (const [caller, own] of [["", table] as const, ...Object.entries(consumers)]) {
        const place = `${service}:${port}${caller && ` from ${caller}`}`;
        yield { place, to: { kind: "service", service, port, caller } as const, table: own };
      }
}

function* atListener(
  listeners: readonly Listener[],
  { port, hostname }: Listener,
  name: string,
  table: RouteTable,
  fresh: string,
): Generator<readonly [Placed, Loss | undefined]> {
  // A host that nothing but `name` stands for, unless another listener has all of `name`.
  const host = name === "" ? fresh : name.replace("*", fresh);
  const place = `${name || "*"}:${port}`;
  const to = { kind: "host", host, port } as const;
  const owner = listenerFor(listeners, port, host);
  for (const placed of allOf(table)) {
    if (owner?.hostname === hostname) {
      yield [placed, lossIn(table, placed, to, place, fresh)];
      continue;
    }
    const witness = leastRequests(placed, to, fresh)[0]?.[0];
    if (!owner || !witness) continue;
    const taker = takerAt(owner, host, subjectOf(witness))?.candidate.rule;
    yield [placed, { placed, place, witness, taker, listener: owner.hostname }];
  }
}

function takerAt({ hosts }: Listener, host: string, subject: Subject): Placed | undefined {
  for (const name of namesOf(host)) {
    const taker = Object.hasOwn(hosts, name) ? takerIn(hosts[name]!, subject) : undefined;
    if (taker) return taker;
  }
  return undefined;
}

/** Lost is a match of which, whatever the method, another takes a least request and with it all of its requests. */
function lossIn(table: RouteTable, placed: Placed, to: Witness["to"], place: string, fresh: string): Loss | undefined {
  let loss: Loss | undefined;
  for (const requests of leastRequests(placed, to, fresh)) {
    let covered = false;
    for (const witness of requests) {
      const taker = takerIn(table, subjectOf(witness));
      if (!taker || taker.candidate === placed.candidate) return undefined;
      covered = covers(taker, placed);
      if (!covered) continue;
      loss ??= { placed, place, witness, taker: taker.candidate.rule };
      break;
    }
    if (!covered) return undefined;
  }
  return loss;
}

/** Whether whatever meets `narrow`, its method apart, meets `wide`. False where that is not plain to see. */
function covers(wide: Placed, narrow: Placed): boolean {
  return (
    coversPath(wide, narrow) &&
    implied(wide.candidate.headers, narrow.candidate.headers) &&
    implied(wide.candidate.query, narrow.candidate.query)
  );
}

function coversPath(wide: Placed, narrow: Placed): boolean {
  if (wide.kind === "exact") return narrow.kind === "exact" && narrow.path === wide.path;
  if (wide.kind === "prefix") return narrow.kind !== "regex" && isBelow(wide.path, narrow.path);
  const text = wide.candidate.path ?? "";
  if (narrow.kind === "exact") return patternOf(wide.candidate, text).matches(narrow.path);
  return (narrow.kind === "regex" && narrow.candidate.path === text) || matchesBelow(text, narrow);
}

/** Of expressions that end openly: whether they match whatever lies below the narrower prefix or folder. */
function matchesBelow(text: string, { kind, path }: Placed): boolean {
  const [, literal, open] = /^\^?([\w/~%-]*)(\.\*|\((?:\?:)?\/\.\*\)\?)\$?$/.exec(text) ?? [];
  if (literal === undefined) return false;
  if (open !== ".*") return isBelow(literal, path);
  return (kind === "regex" || path === "" ? `${path}/` : path).startsWith(literal);
}

/** Each condition of `wide` holds wherever those of `narrow` do. */
const implied = (wide: readonly Condition[] = [], narrow: readonly Condition[] = []): boolean =>
  wide.every((one) => {
    const given = narrow.find(({ name }) => name === one.name);
    if (!given) return false;
    if (given.value === one.value && given.regex === one.regex) return true;
    return (
      one.regex === true && (one.value === ".*" || (!given.regex && patternOf(one, one.value).matches(given.value)))
    );
  });

/** A word that is no label of a host and no segment of a path anywhere. */
function freshWord(snapshot: Snapshot): string {
  const tables = [
    ...snapshot.listeners.flatMap(({ hosts }) => Object.values(hosts)),
    ...Object.values(snapshot.services).flatMap((ports) =>
      ports.flatMap(({ table, consumers = {} }) => [table, ...Object.values(consumers)]),
    ),
  ];
  const taken = new Set([
    ...snapshot.listeners
      .flatMap(({ hostname, hosts }) => [hostname, ...Object.keys(hosts)])
      .flatMap((host) => host.split(".")),
    ...tables
      .flatMap(({ exact, prefix }) => [...Object.keys(exact), ...Object.keys(prefix)])
      .flatMap((path) => path.split("/")),
  ]);
  for (let number = 0; ; number++) {
    const word = `any${number || ""}`;
    if (!taken.has(word)) return word;
  }
}
