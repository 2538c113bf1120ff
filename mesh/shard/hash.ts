/** Hashing of names and paths. Control writes tables by it and edges look up by it: a change here is a change of format. */

/** FNV-1a's offset basis (draft-eastlake-fnv, 32 bits): the hash of the empty text. */
export const EMPTY_HASH = 0x811c9dc5;

/** FNV-1a, over UTF-16 code units instead of bytes: goes on from `hash` by one unit of text. */
export const hashUnit = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193);

export function hashText(text: string, hash = EMPTY_HASH): number {
  for (let at = 0; at < text.length; at++) hash = hashUnit(hash, text.charCodeAt(at));
  return hash >>> 0;
}

/** Where the search for a pair of owner and text begins: MurmurHash3's finalizer, as FNV's low bits alone spread badly. */
export function spread(owner: number, hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16) ^ Math.imul(owner + 1, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Slots for so many records: a power of two, at least twice as many, so that searches are short and find an end. */
export function slotsFor(records: number): Uint32Array {
  return new Uint32Array(2 ** Math.ceil(Math.log2(2 * records + 1)));
}

/** Puts what is not 0 into the first free slot from where the search for it begins. */
export function fill(slots: Uint32Array, from: number, value: number): void {
  const mask = slots.length - 1;
  let at = from & mask;
  while (slots[at] !== 0) at = (at + 1) & mask;
  slots[at] = value;
}
