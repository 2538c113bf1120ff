/**
 * Tallies by time, in three resolutions: seconds for a quarter of an hour, minutes for a day, hours for thirty days. They are kept in
 * chunks, of which an object stores each as a row, and holds in memory those alone that calls are still added to.
 */
import { fromWire, toWire, type WireCell } from "./flush.ts";
import { addTally, emptyTally, type Tally } from "./series.ts";

export type Resolution = {
  readonly name: "seconds" | "minutes" | "hours";
  /** Seconds of a slot, of a chunk, and for which a chunk is kept after its end. */
  readonly slot: number;
  readonly chunk: number;
  readonly keep: number;
  /** Series of one slot; those beyond are counted together. With it, a chunk is within the 2 MB that a row can hold. */
  readonly most: number;
};

const RESOLUTIONS: readonly Resolution[] = [
  { name: "seconds", slot: 1, chunk: 20, keep: 900, most: 100 },
  { name: "minutes", slot: 60, chunk: 600, keep: 86_400, most: 300 },
  { name: "hours", slot: 3600, chunk: 6 * 3600, keep: 30 * 86_400, most: 300 },
];

export type Chunk = {
  /** Slot's start in seconds since 1970 -> series -> tally. */
  readonly slots: Map<number, Map<number, Tally>>;
  /** Since it was last stored. */
  changed: boolean;
};

/** The chunks in memory, by `<resolution>/<start in seconds since 1970>`. */
export type Timeline = Map<string, Chunk>;

/**
 * Adds `tally` of one second to all resolutions. `series` is an index of the collector's, `other` gives that of the one in which series
 * beyond a slot's most are counted. `stored` reads a chunk that is not in memory, if there is one.
 */
export function addCell(
  timeline: Timeline,
  second: number,
  series: number,
  other: () => number,
  tally: Tally,
  stored: (key: string) => Chunk | undefined,
): void {
  for (const resolution of RESOLUTIONS) {
    const key = chunkKey(resolution, second);
    const chunk = timeline.get(key) ?? stored(key) ?? { slots: new Map<number, Map<number, Tally>>(), changed: true };
    timeline.set(key, chunk);
    chunk.changed = true;
    const at = second - (second % resolution.slot);
    const slot = chunk.slots.get(at) ?? new Map<number, Tally>();
    chunk.slots.set(at, slot);
    const to = slot.size < resolution.most || slot.has(series) ? series : other();
    slot.set(to, addTally(slot.get(to) ?? emptyTally(), tally));
  }
}

const chunkKey = ({ name, chunk }: Resolution, second: number): string => `${name}/${second - (second % chunk)}`;

/** The keys of the chunks that have slots in [from, to), in seconds since 1970. */
export function chunkKeys(resolution: Resolution, from: number, to: number): string[] {
  const keys: string[] = [];
  for (let at = from - (from % resolution.chunk); at < to; at += resolution.chunk) keys.push(chunkKey(resolution, at));
  return keys;
}

/** The cells of a chunk's slots that begin in [from, to). */
export function cellsBetween({ slots }: Chunk, from: number, to: number): WireCell[] {
  return [...slots].flatMap(([at, slot]) =>
    at < from || at >= to ? [] : [...slot].map(([series, tally]): WireCell => [at, series, ...toWire(tally)]),
  );
}

export const chunkText = (chunk: Chunk): string => JSON.stringify(cellsBetween(chunk, 0, Infinity));

/** Throws on what `chunkText` did not write. */
export function parseChunk(text: string): Chunk {
  const slots = new Map<number, Map<number, Tally>>();
  for (const [at, series, ...wire] of JSON.parse(text) as WireCell[]) {
    const slot = slots.get(at) ?? new Map<number, Tally>();
    slots.set(at, slot);
    slot.set(series, fromWire(wire));
  }
  return { slots, changed: false };
}

/** Whether a chunk's retention is over at `now`, in seconds since 1970; of a key that no resolution has, too. */
export function isExpired(key: string, now: number): boolean {
  const [name, start] = key.split("/");
  const resolution = RESOLUTIONS.find((one) => one.name === name);
  return !resolution || Number(start) + resolution.chunk + resolution.keep <= now;
}

/** Whether calls can no longer be added to a chunk, but for those of an isolate that was cut off from its collector. */
export function isOver(key: string, now: number): boolean {
  const [name, start] = key.split("/");
  const resolution = RESOLUTIONS.find((one) => one.name === name);
  return !resolution || Number(start) + resolution.chunk + LATE_S <= now;
}
/** A flush is up to ten seconds late, and may be sent more than once. */
const LATE_S = 60;

/** The finest resolution that reaches back to `from`. */
export const resolutionFor = (from: number, now: number): Resolution =>
  RESOLUTIONS.find(({ keep }) => from >= now - keep) ?? RESOLUTIONS.at(-1)!; // there are three
