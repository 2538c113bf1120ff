/**
 * A snapshot's tables read candidate by candidate, in the order in which an edge tries them. `match` finds the same by index;
 * this is for those who ask why: explain, analyze, `selvedge routes`.
 */
import type { Placed } from "./compile/table.ts";
import type { Subject } from "./match.ts";
import { type Pattern, pattern } from "./pattern.ts";
import { compareText } from "./problem.ts";
import type { Candidate, Condition, Listener, RouteTable } from "./snapshot.ts";

/** The first thing of a candidate that a request does not meet. `given` is null where the request has no such thing. */
export type Failure =
  | { readonly by: "path" }
  | { readonly by: "method"; readonly wanted: string; readonly given: string }
  | { readonly by: "header" | "query"; readonly wanted: Condition; readonly given: string | null };

/** Every candidate: exact paths, then regular expressions from the deepest folder up, then prefixes, the longest first. */
export function allOf({ exact, regex = {}, prefix }: RouteTable): Placed[] {
  const placed = (kind: Placed["kind"], paths: readonly (readonly [string, readonly Candidate[]])[]): Placed[] =>
    paths.flatMap(([path, candidates]) => candidates.map((candidate) => ({ kind, path, candidate })));
  return [
    ...placed(
      "exact",
      Object.entries(exact).toSorted(([a], [b]) => compareText(a, b)),
    ),
    ...placed("regex", deepestFirst(regex)),
    ...placed("prefix", deepestFirst(prefix)),
  ];
}

const deepestFirst = (paths: RouteTable["prefix"]): [string, readonly Candidate[]][] =>
  Object.entries(paths).toSorted(([a], [b]) => b.length - a.length || compareText(a, b));

/** The path as its route says it: a prefix is kept without its last slash, an expression beneath its folder. */
export const shownPath = ({ kind, path, candidate }: Placed): string =>
  kind === "regex" ? (candidate.path ?? "") : path || "/";

/** Those at whose place the path lies; whether they take the request is `failureOf`'s to say. */
function* lying({ exact, regex = {}, prefix }: RouteTable, path: string): Generator<Placed> {
  yield* at("exact", exact, path);
  for (const [kind, paths] of [["regex", regex] as const, ["prefix", prefix] as const])
    for (const folder of foldersOf(path)) yield* at(kind, paths, folder);
}

function* at(kind: Placed["kind"], paths: RouteTable["prefix"], path: string): Generator<Placed> {
  if (!Object.hasOwn(paths, path)) return;
  for (const candidate of paths[path]!) yield { kind, path, candidate };
}

/** `/a/b`, `/a` and the empty path of `/a/b`. */
function* foldersOf(path: string): Generator<string> {
  yield path;
  for (let end = path.lastIndexOf("/"); end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1))
    yield path.slice(0, end);
}

/** Why the candidate does not take the request, or undefined where it does. */
export function failureOf({ kind, path, candidate }: Placed, subject: Subject): Failure | undefined {
  if (!isOnPath(kind, path, candidate, subject.path)) return { by: "path" };
  const { method, headers = [], query = [] } = candidate;
  if (method !== undefined && method !== subject.method) return { by: "method", wanted: method, given: subject.method };
  return unmet("header", headers, subject.header) ?? unmet("query", query, subject.query);
}

function isOnPath(kind: Placed["kind"], placed: string, candidate: Candidate, path: string): boolean {
  if (kind === "exact") return path === placed;
  return kind === "regex" ? patternOf(candidate, candidate.path ?? "").matches(path) : isBelow(placed, path);
}

/** A segment is matched whole or not at all. */
export const isBelow = (prefix: string, path: string): boolean => path === prefix || path.startsWith(`${prefix}/`);

function unmet(
  by: "header" | "query",
  conditions: readonly Condition[],
  read: (name: string) => string | null,
): Failure | undefined {
  for (const wanted of conditions) {
    const given = read(wanted.name);
    const holds = wanted.regex
      ? given !== null && patternOf(wanted, wanted.value).matches(given)
      : given === wanted.value;
    if (!holds) return { by, wanted, given };
  }
  return undefined;
}

const patterns = new WeakMap<Candidate | Condition, Pattern>();

/** Compiled once for its owner, and forgotten with it: thousands of requests may be held against one table. */
export function patternOf(owner: Candidate | Condition, text: string): Pattern {
  const known = patterns.get(owner) ?? pattern(text); // reading or decoding proved every pattern
  patterns.set(owner, known);
  return known;
}

/** The candidate that takes the request, if any. */
export function takerIn(table: RouteTable, subject: Subject): Placed | undefined {
  for (const placed of lying(table, subject.path)) if (!failureOf(placed, subject)) return placed;
  return undefined;
}

/** `a.b.c`, `*.b.c`, `*.c` and the empty name for `a.b.c`: the names under which a host may be known, the closest first. */
export function namesOf(host: string): string[] {
  const labels = host.split(".").slice(1);
  const wider = labels.map((_, index) => `*.${labels.slice(index).join(".")}`);
  return [...(host === "" ? [] : [host]), ...wider, ""];
}

/** The listener that has the host to itself, of those that an edge takes. */
export function listenerFor(listeners: readonly Listener[], port: number, host: string): Listener | undefined {
  const open = listeners.filter((one) => one.port === port);
  for (const name of namesOf(host)) {
    const found = open.find(({ hostname }) => hostname === name);
    if (found) return found;
  }
  return undefined;
}
