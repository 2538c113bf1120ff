/**
 * The collector's side of telemetry: what isolates flushed, added up by series and by time, and what of it is missing. Every
 * message carries its isolate's running totals, so that the number of calls is exact even where a message's detail was lost;
 * what an isolate had not yet reported when it was killed lies in an interval that is known.
 */
import { type Exemplars, keepExemplar } from "./exemplar.ts";
import { type Flush, fromWire, type Totals } from "./flush.ts";
import { FLUSH_AT } from "./recorder.ts";
import { addTally, emptyTally, isError, keyOf, type Labels, OTHER, overflow, type Tally } from "./series.ts";
import { addCell, type Chunk, type Timeline } from "./timeline.ts";

/** Mutable, and plain: an object stores it in parts. */
export type Collector = {
  readonly series: Series[];
  /** `keyOf` labels -> index into `series`. */
  readonly indices: Map<string, number>;
  readonly isolates: Map<string, IsolateRecord>;
  readonly timeline: Timeline;
  readonly exemplars: Exemplars;
  /** Calls that are known from totals alone. */
  undetailed: Totals;
  /** The most that isolates which are forgotten by now can have taken with them. */
  lostMax: number;
};

type Series = { readonly labels: Labels; readonly total: Tally };

export type IsolateRecord = Omit<Flush, "isolate" | "series" | "cells" | "exemplars"> & { readonly seenAt: number };

export const newCollector = (): Collector => ({
  series: [],
  indices: new Map(),
  isolates: new Map(),
  timeline: new Map(),
  exemplars: new Map(),
  undetailed: NOTHING,
  lostMax: 0,
});

/** Each isolate reports to one of them. One takes some hundreds of flushes a second, each of hundreds of calls. */
export const COLLECTORS: readonly string[] = ["collector-0", "collector-1", "collector-2", "collector-3"];

/** Evenly spread, and always the same for one isolate, by a number that it was born with. */
export const collectorOf = (isolate: string): string => {
  let sum = 0;
  for (let n = 0; n < isolate.length; n++) sum = (sum * 31 + isolate.charCodeAt(n)) >>> 0;
  return COLLECTORS[sum % COLLECTORS.length]!; // within it by the remainder
};

const NOTHING: Totals = { started: 0, finished: 0, failed: 0 };

/** Series of one collector; those beyond are counted together, by status class. */
const MOST_SERIES = 2000;
const MOST_EXEMPLARS = 512;
/** An isolate with traffic that has been silent for so long is taken for gone; one that speaks up again never was. */
const GONE_AFTER_MS = 60_000;
/** How long an isolate that is gone is still shown by itself. */
const FORGET_AFTER_MS = 15 * 60_000;
/** An isolate's clock may be ahead of the collector's by so much. */
const SKEW_S = 5;

/** Takes a flush once, however often it arrives. `stored` reads a chunk of the timeline; `now` is in milliseconds since 1970, here and below. */
export function accept(
  collector: Collector,
  flush: Flush,
  stored: (key: string) => Chunk | undefined,
  now: number,
): void {
  const { isolate, series, cells, exemplars = [], ...about } = flush;
  const known = collector.isolates.get(isolate);
  if (known && flush.seq <= known.seq) return;
  const detailed = { finished: 0, failed: 0 };
  const indices = series.map((labels) => indexOf(collector, labels));
  for (const [second, index, ...wire] of cells) {
    const to = indices[index];
    if (to === undefined) continue;
    const tally = fromWire(wire);
    const { labels, total } = collector.series[to]!; // indexOf made it
    addTally(total, tally);
    const at = Math.min(second, Math.floor(now / 1000) + SKEW_S);
    addCell(collector.timeline, at, to, () => indexOf(collector, overflow(labels)), tally, stored);
    detailed.finished += tally.requests;
    if (isError(labels)) detailed.failed += tally.requests;
  }
  for (const exemplar of exemplars) keepExemplar(collector.exemplars, exemplar, MOST_EXEMPLARS);
  const before = known?.total ?? NOTHING;
  const { undetailed } = collector;
  collector.undetailed = {
    started: undetailed.started,
    finished: undetailed.finished + flush.total.finished - before.finished - detailed.finished,
    failed: undetailed.failed + flush.total.failed - before.failed - detailed.failed,
  };
  collector.isolates.set(isolate, { ...about, seenAt: now });
}

function indexOf(collector: Collector, labels: Labels): number {
  const known = collector.indices.get(keyOf(labels));
  if (known !== undefined) return known;
  const isOther = labels.caller === OTHER;
  const counted = isOther || collector.series.length < MOST_SERIES ? labels : overflow(labels);
  const key = keyOf(counted);
  const index = collector.indices.get(key) ?? collector.series.push({ labels: counted, total: emptyTally() }) - 1;
  collector.indices.set(key, index);
  return index;
}

/** How many calls there were, at any time: at least `reported`, and at most `reported + pendingMax + lostMax`. */
export type Accounts = {
  /** In detail or by their number alone. */
  readonly reported: number;
  readonly undetailed: number;
  /** What isolates that have traffic may not have reported yet. */
  readonly pendingMax: number;
  /** What isolates may not have reported that were killed while they had traffic. */
  readonly lostMax: number;
};

export function accounts(collector: Collector, now: number): Accounts {
  const { undetailed } = collector;
  let reported = undetailed.finished;
  for (const { total } of collector.series) reported += total.requests;
  let { lostMax } = collector;
  let pendingMax = 0;
  for (const record of collector.isolates.values())
    if (isGone(record, now)) lostMax += unreportedMax(record);
    else pendingMax += unreportedMax(record);
  return { reported, undetailed: undetailed.finished, pendingMax, lostMax };
}

const isGone = ({ seenAt }: IsolateRecord, now: number): boolean => now - seenAt >= GONE_AFTER_MS;

/** Twice the most that it ever held: one flush under way, and what came during it. */
const unreportedMax = ({ closing, inFlight, peak }: IsolateRecord): number =>
  closing ? 0 : 2 * Math.max(FLUSH_AT, peak) + inFlight;

/** Forgets isolates that are long gone; what they may have taken with them is kept in the account. */
export function sweep(collector: Collector, now: number): void {
  for (const [id, record] of collector.isolates) {
    if (now - record.seenAt < FORGET_AFTER_MS) continue;
    collector.lostMax += unreportedMax(record);
    collector.isolates.delete(id);
  }
}
