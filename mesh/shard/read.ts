/**
 * A shard's bytes -> what an edge matches with. Adopting lays arrays over the bytes and proves that every reference stays within them;
 * texts, rules and backends are made when they are first asked for: of thousands, an isolate meets a few.
 */
import { check } from "../check.ts";
import { type Pattern, pattern } from "../pattern.ts";
import { checkBackends } from "../backend-check.ts";
import { checkLayers } from "../policy-check.ts";
import { type Backend, type Policy, type Rule, SNAPSHOT_FORMAT, type WeightedBackend } from "../snapshot.ts";
import { hashText, spread } from "./hash.ts";
import { KEY_KINDS } from "./keys.ts";
import { HEAD_WORDS, MAGIC, type Section, SECTION_NAMES, SECTIONS } from "./layout.ts";
import { isText, textFrom } from "./text.ts";

export type Shard = { readonly [S in Section]: Uint32Array } & {
  readonly byteLength: number;
  readonly text: Uint8Array;
  /** By text of the scope. */
  readonly scopeNumbers: ReadonlyMap<string, number>;
  /** The record in `lists` of a list that has keys, by its first candidate. */
  readonly listNumbers: ReadonlyMap<number, number>;
  /** Where a match notes the places that it passes: as many as the longest path has characters, and one. */
  readonly trail: Uint32Array;
  readonly made: {
    readonly texts: (string | undefined)[];
    readonly patterns: (Pattern | undefined)[];
    readonly stacks: (readonly Policy[] | undefined)[];
    readonly rules: (Rule | undefined)[];
    backends: readonly Backend[] | undefined;
  };
};

/** Throws an Error that says what is wrong. The hash has proven who wrote the bytes; this proves that a lookup stays within them. */
export function adopt(bytes: Uint8Array): Shard {
  const sections = sectionsOf(bytes);
  verify(sections);
  const text = sections.text;
  const shard: Shard = {
    ...sections,
    byteLength: bytes.byteLength,
    scopeNumbers: new Map(
      Array.from(sections.scopes, (at, number) => [textFrom(rangeOf(text, sections.texts, at)), number] as const),
    ),
    listNumbers: listNumbersOf(sections),
    trail: new Uint32Array(sections.tables.reduce((longest, one) => Math.max(longest, one), 0) + 1),
    made: { texts: [], patterns: [], stacks: [], rules: [], backends: undefined },
  };
  // Each is needed as soon as a path comes near it, and only compiling one tells that this edge can.
  for (let at = 0; at < shard.patterns.length; at++) patternAt(shard, at);
  return shard;
}

function listNumbersOf({ lists }: Sections): ReadonlyMap<number, number> {
  const numbers = new Map<number, number>();
  for (let list = 0; list < lists.length / SECTIONS.lists - 1; list++) numbers.set(lists[list * SECTIONS.lists]!, list);
  return numbers;
}

type Sections = Pick<Shard, Section | "text">;

function sectionsOf(bytes: Uint8Array): Sections {
  check(bytes.byteOffset % 4 === 0 && bytes.byteLength >= HEAD_WORDS * 4, "a shard's head");
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
  check(words[0] === MAGIC, "a shard's first word");
  if (words[1] !== SNAPSHOT_FORMAT) throw new Error(`format ${words[1]}, this edge reads ${SNAPSHOT_FORMAT}`);
  let end = HEAD_WORDS;
  const arrays = SECTION_NAMES.map((name, index) => {
    const begin = end;
    end += words[2 + index]!; // within the head
    check(end <= words.length && (end - begin) % SECTIONS[name] === 0, `the section ${name}`);
    return [name, words.subarray(begin, end)] as const;
  });
  const found = Object.fromEntries(arrays) as { [S in Section]: Uint32Array };
  // Written out: an object with the shape of a literal is read several times as fast as one made of entries.
  return {
    texts: found.texts,
    scopes: found.scopes,
    entries: found.entries,
    entrySlots: found.entrySlots,
    tables: found.tables,
    places: found.places,
    placeSlots: found.placeSlots,
    lists: found.lists,
    keys: found.keys,
    values: found.values,
    valueSlots: found.valueSlots,
    members: found.members,
    candidates: found.candidates,
    conditions: found.conditions,
    patterns: found.patterns,
    rules: found.rules,
    shares: found.shares,
    stacks: found.stacks,
    backends: found.backends,
    text: bytes.subarray(end * 4),
  };
}

/** Each field of each record once: in numbers, a shard is nothing but references and ranges. */
function verify(sections: Sections): void {
  const { texts, entrySlots, placeSlots, places, candidates, rules, shares, conditions, patterns } = sections;
  const { lists, keys, values, valueSlots, members } = sections;
  const count = (section: Section): number => sections[section].length / SECTIONS[section];
  const closed = {
    places: count("places") - 1,
    lists: count("lists") - 1,
    values: count("values") - 1,
    candidates: count("candidates") - 1,
    rules: count("rules") - 1,
  };
  check(Math.min(...Object.values(closed)) >= 0, "the end of a section");

  ascends(texts, 1, 0, 0, sections.text.length, "texts");
  for (const section of ["scopes", "patterns", "stacks", "backends"] as const)
    below(sections[section], 1, 0, texts.length, section);
  below(sections.entries, SECTIONS.entries, 0, count("scopes"), "entries");
  below(sections.entries, SECTIONS.entries, 1, texts.length, "entries");
  below(sections.entries, SECTIONS.entries, 2, count("tables"), "entries");
  below(sections.tables, 1, 0, sections.text.length + 1, "tables");
  areSlots(entrySlots, count("entries"), "entrySlots");
  areSlots(placeSlots, closed.places, "placeSlots");

  const owned = places.subarray(0, closed.places * SECTIONS.places);
  below(owned, SECTIONS.places, 0, count("tables"), "places");
  below(owned, SECTIONS.places, 1, texts.length, "places");
  ascends(places, SECTIONS.places, 2, 4, closed.candidates, "places");

  ascends(lists, SECTIONS.lists, 0, 0, closed.candidates, "lists");
  ascends(lists, SECTIONS.lists, 1, 1, count("keys"), "lists");
  below(keys, SECTIONS.keys, 0, KEY_KINDS.length, "keys");
  below(keys, SECTIONS.keys, 1, texts.length, "keys");
  const valued = values.subarray(0, closed.values * SECTIONS.values);
  below(valued, SECTIONS.values, 0, count("keys"), "values");
  below(valued, SECTIONS.values, 1, texts.length, "values");
  ascends(values, SECTIONS.values, 2, 2, members.length, "values");
  areSlots(valueSlots, closed.values, "valueSlots");
  below(members, 1, 0, closed.candidates, "members");

  const tried = candidates.subarray(0, closed.candidates * SECTIONS.candidates);
  below(tried, SECTIONS.candidates, 0, closed.rules, "candidates");
  below(tried, SECTIONS.candidates, 1, texts.length + 1, "candidates");
  below(tried, SECTIONS.candidates, 2, patterns.length + 1, "candidates");
  ascends(candidates, SECTIONS.candidates, 3, 4, count("conditions"), "candidates");
  below(conditions, SECTIONS.conditions, 0, texts.length, "conditions");
  below(conditions, SECTIONS.conditions, 1, texts.length, "conditions");
  below(conditions, SECTIONS.conditions, 2, patterns.length + 1, "conditions");

  const named = rules.subarray(0, closed.rules * SECTIONS.rules);
  below(named, SECTIONS.rules, 0, texts.length, "rules");
  below(named, SECTIONS.rules, 1, texts.length, "rules");
  below(named, SECTIONS.rules, 2, count("stacks"), "rules");
  ascends(rules, SECTIONS.rules, 3, 3, count("shares"), "rules");
  below(shares, SECTIONS.shares, 0, count("backends") + 1, "shares");
  below(shares, SECTIONS.shares, 2, count("stacks"), "shares");
}

/** Apart from the loops, which would make its text for every word. */
const refuse = (what: string): never => check(false, what) as never;

function below(words: Uint32Array, stride: number, field: number, bound: number, section: string): void {
  for (let at = field; at < words.length; at += stride) if (words[at]! >= bound) refuse(`a reference in ${section}`);
}

/** The fields from `first` to `last`, read record by record, never go down, and do not pass `bound`. */
function ascends(
  words: Uint32Array,
  stride: number,
  first: number,
  last: number,
  bound: number,
  section: string,
): void {
  let before = 0;
  for (let record = 0; record < words.length; record += stride)
    for (let at = record + first; at <= record + last; at++) {
      const next = words[at]!;
      if (next < before) refuse(`a range in ${section}`);
      before = next;
    }
  check(before <= bound, `a range in ${section}`);
}

/** A search ends at a free slot, so there has to be one. */
function areSlots(slots: Uint32Array, records: number, section: string): void {
  check(largest(slots) <= records, `a slot in ${section}`);
  check(slots.includes(0) && (slots.length & (slots.length - 1)) === 0, `the slots in ${section}`);
}

/** So many arguments fit on any stack. */
const AT_ONCE = 4096;

/** By what the engine brings compiled: an isolate that has just begun would interpret a loop, and then wait for its compilation. */
function largest(words: Uint32Array): number {
  let most = 0;
  for (let at = 0; at < words.length; at += AT_ONCE)
    most = Math.max(most, Reflect.apply(Math.max, null, words.subarray(at, at + AT_ONCE)));
  return most;
}

/** Where the table of a name under a scope stands, or -1: a table's number. `hash` is the name's. */
export function tableAt(shard: Shard, scope: string, name: string, hash: number): number {
  const number = shard.scopeNumbers.get(scope);
  if (number === undefined) return -1;
  const entry = find(shard, shard.entries, SECTIONS.entries, shard.entrySlots, number, hash, name, name.length);
  return entry === -1 ? -1 : shard.entries[entry * SECTIONS.entries + 2]!;
}

/** The place of a table that the first `length` units of a path are, or -1. `hash` is theirs. */
export const placeAt = (shard: Shard, table: number, hash: number, path: string, length: number): number =>
  find(shard, shard.places, SECTIONS.places, shard.placeSlots, table, hash, path, length);

/** The members of a key that ask for the value, or -1: a record of `values`. */
export function valueAt(shard: Shard, key: number, value: string): number {
  // Of a caller's endless value no more is read than could be asked for.
  if (value.length > shard.keys[key * SECTIONS.keys + 2]!) return -1;
  return find(shard, shard.values, SECTIONS.values, shard.valueSlots, key, hashText(value), value, value.length);
}

/** Of records that begin with an owner and a text, the one with this owner and the first `length` units of `given`, or -1. */
function find(
  { text, texts }: Shard,
  records: Uint32Array,
  stride: number,
  slots: Uint32Array,
  owner: number,
  hash: number,
  given: string,
  length: number,
): number {
  const mask = slots.length - 1;
  for (let at = spread(owner, hash) & mask; ; at = (at + 1) & mask) {
    const slot = slots[at]!;
    if (slot === 0) return -1;
    const record = (slot - 1) * stride;
    if (records[record] !== owner) continue;
    const named = records[record + 1]!;
    if (isText(text, named === 0 ? 0 : texts[named - 1]!, texts[named]!, given, length)) return slot - 1;
  }
}

const rangeOf = (text: Uint8Array, texts: Uint32Array, at: number): Uint8Array =>
  text.subarray(at === 0 ? 0 : texts[at - 1], texts[at]);

export const textAt = (shard: Shard, at: number): string =>
  (shard.made.texts[at] ??= textFrom(rangeOf(shard.text, shard.texts, at)));

/** What is made of it is kept, so that the text need not be. */
const jsonAt = (shard: Shard, at: number): unknown => JSON.parse(textFrom(rangeOf(shard.text, shard.texts, at)));

export const patternAt = (shard: Shard, at: number): Pattern =>
  (shard.made.patterns[at] ??= pattern(textAt(shard, shard.patterns[at]!)));

/** The shard's own: what rules and policies of a shard name by index stands here. Throws where this edge cannot carry one out. */
export const backendsOf = (shard: Shard): readonly Backend[] =>
  (shard.made.backends ??= checkBackends(Array.from(shard.backends, (at) => jsonAt(shard, at))));

/** Throws an Error where this edge cannot carry out what the rule asks for. */
export const ruleAt = (shard: Shard, at: number): Rule => (shard.made.rules[at] ??= makeRule(shard, at));

function makeRule(shard: Shard, at: number): Rule {
  const { rules, shares } = shard;
  const [route, rule, stack, begin] = rules.subarray(at * SECTIONS.rules, (at + 1) * SECTIONS.rules);
  const end = rules[(at + 1) * SECTIONS.rules + 3]!;
  const backends: WeightedBackend[] = [];
  for (let share = begin!; share < end; share++) {
    const [backend, weight, own] = shares.subarray(share * SECTIONS.shares, (share + 1) * SECTIONS.shares);
    backends.push({ backend: backend === 0 ? null : backend! - 1, weight: weight!, layers: stackAt(shard, own!) });
  }
  return { route: textAt(shard, route!), rule: textAt(shard, rule!), layers: stackAt(shard, stack!), backends };
}

/** One list for all rules that have it. */
const stackAt = (shard: Shard, at: number): readonly Policy[] =>
  (shard.made.stacks[at] ??= checkLayers(jsonAt(shard, shard.stacks[at]!), shard.backends.length));
