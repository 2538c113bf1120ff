import type { Entry } from "./stale-serve.ts";

/** What one isolate keeps of answers, by key; the one that was put there first goes first. Mutable. */
export type Shelf = { readonly entries: Map<string, Entry>; bytes: number };

/** An isolate has 128 MB for everything. */
const LARGEST_BYTES = 8 * 1024 * 1024;

export const newShelf = (): Shelf => ({ entries: new Map(), bytes: 0 });

export function put(shelf: Shelf, key: string, entry: Entry): void {
  remove(shelf, key);
  const size = sizeOf(key, entry);
  if (size > LARGEST_BYTES) return;
  for (const oldest of shelf.entries.keys()) {
    if (shelf.bytes + size <= LARGEST_BYTES) break;
    remove(shelf, oldest);
  }
  shelf.entries.set(key, entry);
  shelf.bytes += size;
}

export function remove(shelf: Shelf, key: string): void {
  const entry = shelf.entries.get(key);
  if (!entry) return;
  shelf.entries.delete(key);
  shelf.bytes -= sizeOf(key, entry);
}

/** About what it takes in memory, in bytes: two for a character, and something for being there. */
function sizeOf(key: string, entry: Entry): number {
  const own = 256 + 2 * key.length;
  if (entry.kind === "varies") return own;
  return (
    own + entry.body.length + entry.headers.reduce((sum, { name, value }) => sum + 2 * (name.length + value.length), 0)
  );
}
