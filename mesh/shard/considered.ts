/**
 * Why the candidates of a table take a request or not, one by one, in the order in which `match` tries them. `match` finds the same by
 * index and says nothing of the others; this is for the one request that an operator asks about.
 */
import type { Failure } from "../candidates.ts";
import type { LiveCandidate } from "../explain/live.ts";
import { SECTIONS } from "./layout.ts";
import { follow, type Subject } from "./match.ts";
import { patternAt, ruleAt, type Shard, textAt } from "./read.ts";

type Considered = Omit<LiveCandidate, "name">;

/** Those at whose place the path lies. The first of them that has no `because` takes the request. */
export function* consideredIn(shard: Shard, table: number, subject: Subject): Generator<Considered> {
  const { places, trail } = shard;
  // A copy: while the caller looks at one, another match may note its own way there.
  const passed = Array.from(trail.subarray(0, follow(shard, table, subject.path)), (at) => at * SECTIONS.places);
  const folder = (place: number): string => textAt(shard, places[place + 1]!);
  const last = passed.at(-1);
  if (last !== undefined && folder(last) === subject.path)
    for (let at = places[last + 2]!; at < places[last + 3]!; at++)
      yield considered(shard, at, "exact", subject.path, subject);
  for (const place of passed.toReversed())
    for (let at = places[place + 3]!; at < places[place + 4]!; at++)
      yield considered(shard, at, "regex", folder(place), subject);
  for (const place of passed.toReversed())
    for (let at = places[place + 4]!; at < places[place + SECTIONS.places + 2]!; at++)
      yield considered(shard, at, "prefix", folder(place), subject);
}

function considered(
  shard: Shard,
  candidate: number,
  kind: Considered["kind"],
  folder: string,
  subject: Subject,
): Considered {
  const record = candidate * SECTIONS.candidates;
  const { route, rule } = ruleAt(shard, shard.candidates[record]!);
  const pattern = shard.candidates[record + 2]!;
  const path = pattern === 0 ? folder || "/" : patternText(shard, pattern - 1);
  return { route, rule, kind, path, because: whyNot(shard, record, subject) ?? null };
}

function whyNot(shard: Shard, record: number, subject: Subject): Failure | undefined {
  const { candidates } = shard;
  const [method, pattern] = [candidates[record + 1]!, candidates[record + 2]!];
  const wanted = method === 0 ? undefined : textAt(shard, method - 1);
  if (pattern !== 0 && !patternAt(shard, pattern - 1).matches(subject.path)) return { by: "path" };
  if (wanted !== undefined && wanted !== subject.method) return { by: "method", wanted, given: subject.method };
  const [headers, query] = [candidates[record + 3]!, candidates[record + 4]!];
  const end = candidates[record + SECTIONS.candidates + 3]!;
  return unmet(shard, "header", headers, query, subject.header) ?? unmet(shard, "query", query, end, subject.query);
}

function unmet(
  shard: Shard,
  by: "header" | "query",
  begin: number,
  end: number,
  read: Subject["header"],
): Failure | undefined {
  for (let condition = begin; condition < end; condition++) {
    const at = condition * SECTIONS.conditions;
    const [name, value] = [textAt(shard, shard.conditions[at]!), textAt(shard, shard.conditions[at + 1]!)];
    const pattern = shard.conditions[at + 2]!;
    const given = read(name);
    const holds = pattern === 0 ? given === value : given !== null && patternAt(shard, pattern - 1).matches(given);
    if (!holds) return { by, wanted: { name, value, ...(pattern !== 0 && { regex: true as const }) }, given };
  }
  return undefined;
}

const patternText = (shard: Shard, pattern: number): string => textAt(shard, shard.patterns[pattern]!);
