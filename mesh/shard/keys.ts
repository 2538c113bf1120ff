/**
 * What cuts up a long list of candidates. Thousands of rules may share one path and differ in a header's value: a tenant, a version, a
 * customer. Cut up by that value, the list is a few candidates that ask for a request's own, and those that ask for none.
 */
import type { Candidate, Condition } from "../snapshot.ts";

/** A list up to so long is tried one by one: finding a value costs as much. */
export const TRIED = 16;

/** Fewer values than this cut a list up into parts that are hardly shorter. */
const FEWEST_VALUES = 8;
/** Each is looked up for each request. */
const MOST_KEYS = 8;

export type KeyKind = "header" | "query" | "none";
/** In the order of their numbers in a shard. */
export const KEY_KINDS: readonly KeyKind[] = ["none", "header", "query"];

/** Where in the list candidates stand that ask for a value, by value. */
export type Key = {
  readonly by: KeyKind;
  readonly name: string;
  readonly values: ReadonlyMap<string, readonly number[]>;
};

/**
 * Puts each candidate of the list under one key: the header or query parameter that has the most values among those that are left. The
 * last key, "none", has those that ask for no such value. Empty where no key helps.
 */
export function keysOf(list: readonly Candidate[]): Key[] {
  if (list.length <= TRIED) return [];
  const keys: Key[] = [];
  let left = list.map((_, at) => at);
  while (keys.length < MOST_KEYS) {
    const best = mostValues(list, left);
    if (!best || best.values.size < FEWEST_VALUES) break;
    keys.push(best);
    const taken = new Set([...best.values.values()].flat());
    left = left.filter((at) => !taken.has(at));
  }
  if (keys.length === 0) return [];
  return [...keys, { by: "none", name: "", values: new Map([["", left]]) }];
}

function mostValues(list: readonly Candidate[], left: readonly number[]): Key | undefined {
  const found = new Map<
    string,
    { readonly by: KeyKind; readonly name: string; readonly values: Map<string, number[]> }
  >();
  const note = (by: KeyKind, { name, value, regex }: Condition, at: number) => {
    if (regex || !isAscii(value)) return;
    const key = found.get(`${by} ${name}`) ?? { by, name, values: new Map<string, number[]>() };
    found.set(`${by} ${name}`, key);
    const places = key.values.get(value);
    if (places) places.push(at);
    else key.values.set(value, [at]);
  };
  for (const at of left) {
    const { headers = [], query = [] } = list[at]!;
    for (const condition of headers) note("header", condition, at);
    for (const condition of query) note("query", condition, at);
  }
  return [...found.values()].reduce<Key | undefined>(
    (best, one) => (best && best.values.size >= one.values.size ? best : one),
    undefined,
  );
}

/** Texts are looked up as ASCII: see text.ts. */
// oxlint-disable-next-line no-control-regex
const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);
