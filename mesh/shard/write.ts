/** Route tables -> a shard's bytes. The same tables in the same order give the same bytes. */
import { canonicalJson } from "../canonical.ts";
import { renumbered } from "../renumber.ts";
import {
  type Candidate,
  type Condition,
  type Policy,
  type RouteTable,
  type Snapshot,
  SNAPSHOT_FORMAT,
} from "../snapshot.ts";
import { fill, hashText, slotsFor, spread } from "./hash.ts";
import { HEAD_WORDS, MAGIC, type Section, SECTION_NAMES, SECTIONS } from "./layout.ts";
import { KEY_KINDS, keysOf } from "./keys.ts";
import { textBytes } from "./text.ts";

export class ShardWriter {
  /** Of the policies that the rules written have. */
  readonly kinds = new Set<Policy["kind"]>();
  readonly #from: Pick<Snapshot, "rules" | "backends">;
  readonly #sections = Object.fromEntries(SECTION_NAMES.map((name) => [name, [] as number[]])) as Record<
    Section,
    number[]
  >;
  /** Of entries, of places and of values, in their order. */
  readonly #hashes: number[] = [];
  readonly #pathHashes: number[] = [];
  readonly #valueHashes: number[] = [];
  /** The bytes of each text, and how many there are of all. */
  readonly #pieces: (readonly number[])[] = [];
  #length = 0;
  readonly #texts = new Map<string, number>();
  readonly #scopes = new Map<string, number>();
  readonly #patterns = new Map<string, number>();
  /** By the snapshot's index, as for backends: the shard's own, in the order in which they are met. */
  readonly #rules = new Map<number, number>();
  readonly #backends = new Map<number, number>();
  readonly #stacks = new Map<string, number>();
  /** Rules share them: each is written out once. */
  readonly #known = new Map<readonly Policy[], number>();
  /** A table may stand under two scopes, and is written once. */
  readonly #tables = new Map<RouteTable, number>();

  constructor(from: Pick<Snapshot, "rules" | "backends">) {
    this.#from = from;
  }

  /** `hash` is that by which edges look the name up. */
  add(scope: string, name: string, hash: number, table: RouteTable): void {
    this.#hashes.push(hash);
    this.#sections.entries.push(this.#own("scopes", this.#scopes, scope), this.#text(name), this.#table(table));
  }

  finish(): Uint8Array {
    const { entries, places, lists, keys, values, members, candidates, conditions, rules, shares } = this.#sections;
    const entrySlots = slots(entries, SECTIONS.entries, this.#hashes);
    const placeSlots = slots(places, SECTIONS.places, this.#pathHashes);
    const valueSlots = slots(values, SECTIONS.values, this.#valueHashes);
    const candidateCount = candidates.length / SECTIONS.candidates;
    const conditionCount = conditions.length / SECTIONS.conditions;
    places.push(0, 0, candidateCount, candidateCount, candidateCount);
    lists.push(candidateCount, keys.length / SECTIONS.keys);
    values.push(0, 0, members.length);
    candidates.push(0, 0, 0, conditionCount, conditionCount);
    rules.push(0, 0, 0, shares.length / SECTIONS.shares);
    return joined({ ...this.#sections, entrySlots, placeSlots, valueSlots }, this.#pieces, this.#length);
  }

  #table(table: RouteTable): number {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const { exact, regex = {}, prefix } = table;
    const paths = [...new Set([exact, regex, prefix].flatMap((one) => Object.keys(one)))].sort();
    const index = this.#sections.tables.push(Math.max(0, ...paths.map((path) => path.length))) - 1;
    this.#tables.set(table, index);
    for (const path of paths) {
      const begins = [exact, regex, prefix].map((one) => {
        const begin = this.#sections.candidates.length / SECTIONS.candidates;
        if (Object.hasOwn(one, path)) this.#list(begin, one[path]!);
        return begin;
      });
      this.#sections.places.push(index, this.#text(path), ...begins);
      this.#pathHashes.push(hashText(path));
    }
    return index;
  }

  #list(begin: number, list: readonly Candidate[]): void {
    for (const candidate of list) this.#candidate(candidate);
    const cut = keysOf(list);
    if (cut.length === 0) return;
    const { lists, keys, values, members } = this.#sections;
    lists.push(begin, keys.length / SECTIONS.keys);
    for (const { by, name, values: places } of cut) {
      const key = keys.length / SECTIONS.keys;
      const longest = [...places.keys()].reduce((most, { length }) => Math.max(most, length), 0);
      keys.push(KEY_KINDS.indexOf(by), this.#text(name), longest);
      for (const [value, at] of places) {
        values.push(key, this.#text(value), members.length);
        this.#valueHashes.push(hashText(value));
        for (const place of at) members.push(begin + place);
      }
    }
  }

  #candidate({ rule, method, path, headers = [], query = [] }: Candidate): void {
    const { candidates, conditions } = this.#sections;
    const begin = conditions.length / SECTIONS.conditions;
    candidates.push(
      this.#rule(rule),
      method === undefined ? 0 : this.#text(method) + 1,
      path === undefined ? 0 : this.#pattern(path) + 1,
      begin,
      begin + headers.length,
    );
    for (const condition of [...headers, ...query]) this.#condition(condition);
  }

  #condition({ name, value, regex }: Condition): void {
    this.#sections.conditions.push(this.#text(name), this.#text(value), regex ? this.#pattern(value) + 1 : 0);
  }

  #rule(global: number): number {
    const known = this.#rules.get(global);
    if (known !== undefined) return known;
    const { route, rule, layers, backends } = this.#from.rules[global]!;
    const { rules, shares } = this.#sections;
    const index = rules.length / SECTIONS.rules;
    this.#rules.set(global, index);
    rules.push(this.#text(route), this.#text(rule), this.#stack(layers), shares.length / SECTIONS.shares);
    for (const { backend, weight, layers: own } of backends)
      shares.push(backend === null ? 0 : this.#backend(backend) + 1, weight, this.#stack(own));
    return index;
  }

  #backend(global: number): number {
    const known = this.#backends.get(global);
    if (known !== undefined) return known;
    const index = this.#sections.backends.push(this.#text(canonicalJson(this.#from.backends[global]))) - 1;
    this.#backends.set(global, index);
    return index;
  }

  #stack(layers: readonly Policy[]): number {
    const known = this.#known.get(layers);
    if (known !== undefined) return known;
    for (const { kind } of layers) this.kinds.add(kind);
    const text = canonicalJson(layers.map((one) => renumbered(one, (at) => this.#backend(at))));
    const index = this.#own("stacks", this.#stacks, text);
    this.#known.set(layers, index);
    return index;
  }

  #pattern(text: string): number {
    return this.#own("patterns", this.#patterns, text);
  }

  /** The record of a section whose records are texts, each of them once. */
  #own(section: "scopes" | "patterns" | "stacks", known: Map<string, number>, text: string): number {
    const index = known.get(text) ?? this.#sections[section].push(this.#text(text)) - 1;
    known.set(text, index);
    return index;
  }

  #text(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const bytes = textBytes(text);
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    const index = this.#sections.texts.push(this.#length) - 1;
    this.#texts.set(text, index);
    return index;
  }
}

/** Records that begin with their owner, as a table to search. */
function slots(records: readonly number[], stride: number, hashes: readonly number[]): Uint32Array {
  const table = slotsFor(hashes.length);
  hashes.forEach((hash, record) => fill(table, spread(records[record * stride]!, hash), record + 1));
  return table;
}

function joined(
  sections: Readonly<Record<Section, ArrayLike<number>>>,
  texts: readonly (readonly number[])[],
  length: number,
): Uint8Array {
  const lengths = SECTION_NAMES.map((name) => sections[name].length);
  const words = HEAD_WORDS + lengths.reduce((sum, length) => sum + length, 0);
  const bytes = new Uint8Array(words * 4 + length);
  const view = new Uint32Array(bytes.buffer, 0, words);
  view.set([MAGIC, SNAPSHOT_FORMAT, ...lengths]);
  let at = HEAD_WORDS;
  for (const name of SECTION_NAMES) {
    view.set(sections[name], at);
    at += sections[name].length;
  }
  let end = words * 4;
  for (const text of texts) {
    bytes.set(text, end);
    end += text.length;
  }
  return bytes;
}
