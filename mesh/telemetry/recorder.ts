/**
 * The isolate's side of telemetry. On a request's way there is one push to a list; adding up is done beside requests, when a
 * flush is due: by count, by age, and at once when the collector does not know that this isolate has traffic: at the first
 * call of its life, and at the first one after it has said that it has none.
 */
import { type Exemplars, keepExemplar, latencyLabels } from "./exemplar.ts";
import { type Flush, observe, type Observation, toWire, type WireCell } from "./flush.ts";
import { emptyTally, isError, keyOf, type Labels, overflow, type Tally } from "./series.ts";

/** Mutable: it is written to on every call. */
export type Recorder = {
  readonly isolate: string;
  started: number;
  finished: number;
  failed: number;
  inFlight: number;
  /** Finished, and in no flush yet. */
  pending: Observation[];
  pendingSince: number;
  /** When the last call finished. */
  lastAt: number;
  /** Written and not acknowledged: it is sent again, as it is, until it is. */
  unacknowledged: Flush | undefined;
  seq: number;
  peak: number;
  /** The collector has been told that there is traffic, and not yet that there is none. */
  open: boolean;
  /** Until then a request stays to send what is left when traffic ends: nothing runs between requests. */
  keptUntil: number;
  /** A request is sending; one that has not come back by then was cut off. */
  sendingUntil: number;
};

export const newRecorder = (isolate: string): Recorder => ({
  isolate,
  started: 0,
  finished: 0,
  failed: 0,
  inFlight: 0,
  pending: [],
  pendingSince: 0,
  lastAt: 0,
  unacknowledged: undefined,
  seq: 0,
  peak: 0,
  open: false,
  keptUntil: 0,
  sendingUntil: 0,
});

export const FLUSH_AT = 256;
const QUIET_MS = 2000;
/**
 * While no collector answers, no more than this is kept, about a megabyte. Calls beyond it are still in the totals, and so
 * in what the collector knows to have lost the detail of.
 */
const MOST_PENDING = 4096;
/** Series of one flush; those beyond are counted together. */
const MOST_SERIES = 500;
/** Exemplars of one flush. */
const MOST_EXEMPLARS = 64;

/** Called as a request arrives. */
export function begin(recorder: Recorder): void {
  recorder.started += 1;
  recorder.inFlight += 1;
}

/** Called once for each `begin`, when the response's headers are there or the call was refused. */
export function finish(recorder: Recorder, observation: Observation): void {
  recorder.inFlight -= 1;
  recorder.finished += 1;
  if (isError(observation.labels)) recorder.failed += 1;
  recorder.lastAt = observation.at;
  if (recorder.pending.length === 0) recorder.pendingSince = observation.at;
  if (recorder.pending.length < MOST_PENDING) recorder.pending.push(observation);
}

/** Whether to send now: every `everyMs`, or sooner. `now` is in milliseconds since 1970, here and below. */
export function isDue({ open, pending, pendingSince, sendingUntil }: Recorder, now: number, everyMs: number): boolean {
  if (pending.length === 0 || now < sendingUntil) return false;
  return !open || pending.length >= FLUSH_AT || now - pendingSince >= everyMs;
}

/** Whether nothing has happened for so long that the collector is to hear of it. */
export const isQuiet = ({ open, inFlight, lastAt, sendingUntil }: Recorder, now: number): boolean =>
  open && inFlight === 0 && now - lastAt >= QUIET_MS && now >= sendingUntil;

/** What to send, which is taken for under way for `limitMs`. */
export function nextFlush(
  recorder: Recorder,
  about: Pick<Flush, "edge" | "colo" | "epoch">,
  now: number,
  limitMs: number,
): Flush {
  const closing = isQuiet(recorder, now);
  recorder.sendingUntil = now + limitMs;
  if (recorder.unacknowledged) return recorder.unacknowledged;
  const { isolate, started, finished, failed, inFlight, pending } = recorder;
  recorder.seq += 1;
  recorder.peak = Math.max(recorder.peak, pending.length);
  recorder.pending = [];
  recorder.open = !closing;
  recorder.unacknowledged = {
    isolate,
    ...about,
    seq: recorder.seq,
    total: { started, finished, failed },
    inFlight,
    closing,
    peak: recorder.peak,
    ...added(pending),
  };
  return recorder.unacknowledged;
}

export function acknowledged(recorder: Recorder, seq: number): void {
  recorder.sendingUntil = 0;
  if (recorder.unacknowledged?.seq === seq) recorder.unacknowledged = undefined;
}

/** What was sent is sent again, after `waitMs` or more: a collector that is down is left in peace. */
export function unanswered(recorder: Recorder, now: number, waitMs: number): void {
  recorder.sendingUntil = now + waitMs;
}

function added(observations: readonly Observation[]): Pick<Flush, "series" | "cells" | "exemplars"> {
  const series: Labels[] = [];
  const indices = new Map<string, number>();
  const indexOf = (labels: Labels): number => {
    const key = keyOf(labels);
    const known = indices.get(key);
    if (known !== undefined) return known;
    const other = series.length >= MOST_SERIES ? overflow(labels) : labels;
    const index = other === labels ? series.push(labels) - 1 : (indices.get(keyOf(other)) ?? series.push(other) - 1);
    indices.set(keyOf(other), index);
    indices.set(key, index);
    return index;
  };
  const exemplars: Exemplars = new Map();
  const cells = new Map<string, { second: number; index: number; tally: Tally }>();
  for (const observation of observations) {
    const second = Math.floor(observation.at / 1000);
    const index = indexOf(observation.labels);
    const key = `${second} ${index}`;
    const cell = cells.get(key) ?? { second, index, tally: emptyTally() };
    observe(cell.tally, observation);
    cells.set(key, cell);
    const { traceId, labels, ms, at } = observation;
    if (traceId !== undefined)
      keepExemplar(exemplars, { labels: latencyLabels(labels), ms, traceId, at }, MOST_EXEMPLARS);
  }
  return {
    series,
    cells: [...cells.values()].map(({ second, index, tally }): WireCell => [second, index, ...toWire(tally)]),
    ...(exemplars.size > 0 && { exemplars: [...exemplars.values()] }),
  };
}
