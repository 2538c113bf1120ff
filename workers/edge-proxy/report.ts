/**
 * Telemetry: one observation a call, and what is observed on its way to a collector. Nothing here delays an answer, and nothing
 * that fails here is a request's concern.
 */
import type { CollectorObject } from "../../durable-objects/index.ts";
import { CARRIED_METHODS } from "../../mesh/methods.ts";
import { dataPointOf } from "../../mesh/telemetry/data-point.ts";
import type { Flush, Observation } from "../../mesh/telemetry/flush.ts";
import {
  acknowledged,
  finish,
  isDue,
  isQuiet,
  nextFlush,
  type Recorder,
  unanswered,
} from "../../mesh/telemetry/recorder.ts";
import { classOf, type Labels } from "../../mesh/telemetry/series.ts";
import type { Exporter } from "./export.ts";
import type { Outside } from "./layer.ts";
import type { Seen } from "./seen.ts";
import { recordHop } from "./spans.ts";
import { within } from "./within.ts";

/** Counts the answer, by the time of its headers: how long its body takes is the caller's doing as much as anyone's. */
export function observed(seen: Seen, cause: Labels["cause"], response: Response, outside: Outside) {
  const traceId = outside.exportsSpans ? recordHop(seen, cause, response, outside) : undefined;
  if (outside.counts) count(seen, cause, response, traceId, outside);
  if (seen.call) seen.log?.(seen, seen.call, cause, response, outside);
  return response;
}

function count(
  { request, began, rule, call }: Seen,
  cause: Labels["cause"],
  response: Response,
  traceId: string | undefined,
  outside: Outside,
): void {
  const now = outside.now();
  const backend = call?.backend ?? "";
  const caller = call?.identity;
  const labels: Labels = {
    caller: caller ? `${caller.namespace}/${caller.name}` : "",
    callee: ownerOf(backend),
    route: rule?.route ?? "",
    rule: rule?.rule ?? "",
    // Others are refused, and a caller can make up any number of them.
    method: CARRIED_METHODS.has(request.method) ? request.method : "",
    backend,
    class: classOf(response.status),
    cause,
  };
  const observation: Observation = {
    labels,
    at: now,
    ms: now - began,
    attempts: backend === "" ? 0 : (call?.attempts ?? 0),
    hedges: call?.hedges ?? 0,
    requestBytes: lengthOf(request.headers),
    responseBytes: lengthOf(response.headers),
    degraded: call?.standIn !== undefined,
    wouldDeny: call?.wouldDeny === true,
    traceId,
  };
  finish(outside.memory.recorder, observation);
  outside.analytics?.writeDataPoint(dataPointOf(observation));
}

/** `shop/cart` of `Service/shop/cart:80`. */
function ownerOf(backend: string): string {
  const colon = backend.indexOf(":");
  return backend.slice(backend.indexOf("/") + 1, colon === -1 ? undefined : colon);
}

const lengthOf = (headers: Headers): number => Number(headers.get("content-length") ?? 0) || 0;

export type Reporting = {
  readonly recorder: Recorder;
  readonly about: Pick<Flush, "edge" | "colo" | "epoch">;
  /** How old an observation may become before it is sent, in milliseconds. */
  readonly everyMs: number;
  /** A fresh stub of this isolate's collector. */
  readonly collector: () => Pick<CollectorObject, "flush">;
  readonly heard: (epoch: number) => void;
  readonly later: (work: Promise<unknown>) => void;
  /** Of spans; undefined where none are exported. */
  readonly spans: Exporter | undefined;
};

const FLUSH_LIMIT_MS = 2000;
/** A collector that does not answer is left in peace for so long. */
const PAUSE_MS = 5000;
/** What outlives a response has 30 s; the last request of all needs some of them for saying that it was the last. */
const KEEP_MS = 25_000;
const WAKE_MS = 500;

/** After each request: sends what is due, and sees to it that somebody stays to send what is left when traffic ends. */
export function report(reporting: Reporting): void {
  const { recorder, everyMs, later, spans } = reporting;
  const now = Date.now();
  if (spans?.isDue(now)) later(spans.send());
  if (isDue(recorder, now, everyMs)) later(flush(reporting));
  if (now < recorder.keptUntil) return;
  recorder.keptUntil = now + KEEP_MS + WAKE_MS;
  later(keep(reporting, now + KEEP_MS));
}

async function keep(reporting: Reporting, until: number): Promise<void> {
  const { recorder, everyMs, spans } = reporting;
  do {
    await scheduler.wait(WAKE_MS);
    if (spans?.isDue(Date.now())) await spans.send();
    if (isDue(recorder, Date.now(), everyMs) || isQuiet(recorder, Date.now())) await flush(reporting);
  } while (Date.now() < until && (recorder.open || recorder.pending.length > 0 || spans?.hasRest()));
  recorder.keptUntil = 0;
}

async function flush({ recorder, about, collector, heard }: Reporting): Promise<void> {
  const message = nextFlush(recorder, about, Date.now(), FLUSH_LIMIT_MS);
  try {
    const { epoch } = await within(collector().flush(message), FLUSH_LIMIT_MS);
    acknowledged(recorder, message.seq);
    heard(epoch);
  } catch {
    unanswered(recorder, Date.now(), PAUSE_MS);
  }
}
