/**
 * Request -> rule within one table: an exact path, the regular expression of the deepest folder, the longest prefix, and within a
 * path the order in which compile put the candidates. The path is hashed once from its begin, and looked up at each slash on
 * the way.
 */
import type { Backend, Rule } from "../snapshot.ts";
import { EMPTY_HASH, hashUnit } from "./hash.ts";
import { KEY_KINDS, TRIED } from "./keys.ts";
import { SECTIONS } from "./layout.ts";
import { backendsOf, patternAt, placeAt, ruleAt, type Shard, textAt, valueAt } from "./read.ts";

/** What matching reads of a request. Headers and query are asked for only when a candidate needs them. */
export type Subject = {
  readonly method: string;
  /** Path as it goes upstream, without query. */
  readonly path: string;
  readonly header: (name: string) => string | null;
  readonly query: (name: string) => string | null;
};

export type Match = {
  readonly rule: Rule;
  /** What the rule's indices of backends mean. */
  readonly backends: readonly Backend[];
  /** The prefix that matched, without its last slash; absent when the path matched otherwise. */
  readonly prefix?: string;
  /** The part of the path that the rule names literally: the exact path, the prefix, or a pattern's folder. */
  readonly folder: string;
};

export function matchTable(shard: Shard, table: number, subject: Subject): Match | undefined {
  const passed = follow(shard, table, subject.path);
  if (passed === 0) return undefined;
  return (
    atWhole(shard, shard.trail[passed - 1]!, subject) ??
    deepest(shard, passed, 3, subject) ??
    deepest(shard, passed, 4, subject)
  );
}

/** Only a place that is the whole path has exact candidates that the path can be for. */
function atWhole(shard: Shard, last: number, subject: Subject): Match | undefined {
  const { places } = shard;
  const place = last * SECTIONS.places;
  const [begin, end] = [places[place + 2]!, places[place + 3]!];
  if (begin === end || textAt(shard, places[place + 1]!) !== subject.path) return undefined;
  const candidate = firstThatFits(shard, begin, end, subject);
  return candidate === -1 ? undefined : found(shard, candidate, subject.path, false);
}

/** Of the places passed, from the deepest up, the first candidate in `field`'s range: 3 has patterns, 4 prefixes. */
function deepest(shard: Shard, passed: number, field: 3 | 4, subject: Subject): Match | undefined {
  const { trail, places } = shard;
  for (let at = passed - 1; at >= 0; at--) {
    const place = trail[at]! * SECTIONS.places;
    const begin = places[place + field]!;
    const end = field === 3 ? places[place + 4]! : places[place + SECTIONS.places + 2]!;
    const candidate = firstThatFits(shard, begin, end, subject);
    if (candidate !== -1) return found(shard, candidate, textAt(shard, places[place + 1]!), field === 4);
  }
  return undefined;
}

function found(shard: Shard, candidate: number, folder: string, prefix: boolean): Match {
  const rule = ruleAt(shard, shard.candidates[candidate * SECTIONS.candidates]!);
  const backends = backendsOf(shard);
  return prefix ? { rule, backends, prefix: folder, folder } : { rule, backends, folder };
}

/**
 * Notes in the shard's trail which places of the table lie on the way of the path, `/a/b` as the empty path, /a and /a/b, and says how
 * many. A segment is there whole or not at all; of a caller's endless path no more is read than the table's longest has.
 */
export function follow(shard: Shard, table: number, path: string): number {
  const longest = shard.tables[table]!;
  let hash = EMPTY_HASH;
  let passed = 0;
  for (let at = 0; at <= longest; at++) {
    const unit = at < path.length ? path.charCodeAt(at) : SLASH;
    if (unit === SLASH) {
      const place = placeAt(shard, table, hash, path, at);
      if (place !== -1) shard.trail[passed++] = place;
    }
    if (at === path.length) break;
    hash = hashUnit(hash, unit);
  }
  return passed;
}

const SLASH = 47;

function firstThatFits(shard: Shard, begin: number, end: number, subject: Subject): number {
  const list = end - begin > TRIED ? shard.listNumbers.get(begin) : undefined;
  if (list !== undefined) return firstByKey(shard, list, end, subject);
  for (let candidate = begin; candidate < end; candidate++) if (fits(shard, candidate, subject)) return candidate;
  return -1;
}

/** Each key has its members in the order of the list, so that the first of the list is the least of each key's first. */
function firstByKey(shard: Shard, list: number, end: number, subject: Subject): number {
  const { lists, values, members } = shard;
  let first = end;
  const lastKey = lists[(list + 1) * SECTIONS.lists + 1]!;
  for (let key = lists[list * SECTIONS.lists + 1]!; key < lastKey; key++) {
    const given = readBy(shard, key, subject);
    const value = given === null ? -1 : valueAt(shard, key, given);
    if (value === -1) continue;
    const last = values[(value + 1) * SECTIONS.values + 2]!;
    for (let at = values[value * SECTIONS.values + 2]!; at < last && members[at]! < first; at++)
      if (fits(shard, members[at]!, subject)) first = members[at]!;
  }
  return first === end ? -1 : first;
}

function readBy(shard: Shard, key: number, subject: Subject): string | null {
  const at = key * SECTIONS.keys;
  const kind = KEY_KINDS[shard.keys[at]!];
  if (kind === "none") return "";
  const name = textAt(shard, shard.keys[at + 1]!);
  return kind === "header" ? subject.header(name) : subject.query(name);
}

function fits(shard: Shard, candidate: number, subject: Subject): boolean {
  const { candidates } = shard;
  const at = candidate * SECTIONS.candidates;
  const method = candidates[at + 1]!;
  if (method !== 0 && textAt(shard, method - 1) !== subject.method) return false;
  const pattern = candidates[at + 2]!;
  if (pattern !== 0 && !patternAt(shard, pattern - 1).matches(subject.path)) return false;
  const [headers, query, end] = [candidates[at + 3]!, candidates[at + 4]!, candidates[at + SECTIONS.candidates + 3]!];
  return hold(shard, headers, query, subject.header) && hold(shard, query, end, subject.query);
}

function hold(shard: Shard, begin: number, end: number, read: (name: string) => string | null): boolean {
  const { conditions } = shard;
  for (let condition = begin; condition < end; condition++) {
    const at = condition * SECTIONS.conditions;
    const given = read(textAt(shard, conditions[at]!));
    const pattern = conditions[at + 2]!;
    if (pattern === 0 ? given !== textAt(shard, conditions[at + 1]!) : given === null) return false;
    if (pattern !== 0 && !patternAt(shard, pattern - 1).matches(given ?? "")) return false;
  }
  return true;
}
