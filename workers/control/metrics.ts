/** Telemetry as it is asked for: all of it for Prometheus, a stretch of time for people. */
import type { MetricsResponse } from "../../mesh/api.ts";
import { fromWire } from "../../mesh/telemetry/flush.ts";
import { type Exposition, expositionText } from "../../mesh/telemetry/openmetrics.ts";
import { addedUp } from "../../mesh/telemetry/mirror-tally.ts";
import { query } from "../../mesh/telemetry/query.ts";
import { addTally, keyOf, type Labels, type Tally } from "../../mesh/telemetry/series.ts";
import { collectors, config, type Env, fleet } from "./env.ts";
import { Refusal } from "./refusal.ts";
import { metricsQuery, noQuery, queryOf } from "./request.ts";

const CONTENT_TYPES = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  text: "text/plain; version=0.0.4; charset=utf-8",
};
const DEFAULT_RANGE_S = 300;
/** As many steps as a chart has pixels. */
const MOST_STEPS = 2000;

export async function exposition(request: Request, env: Env): Promise<Response> {
  queryOf(request, noQuery);
  const format = request.headers.get("accept")?.includes("application/openmetrics-text") ? "openmetrics" : "text";
  const text = expositionText(await everything(env), format);
  return new Response(text, { headers: { "content-type": CONTENT_TYPES[format] } });
}

/** Fails as a whole when a collector does not answer: counters without its part would seem to go back. */
export async function everything(env: Env): Promise<Exposition> {
  const [refusing, { epoch }, ...parts] = await Promise.all([
    refusingEdges(env),
    config(env).head(),
    ...collectors(env).map(async (collector) => {
      const [totals, mirrors] = await Promise.all([collector.totals(), collector.mirrors()]);
      return { ...totals, mirrors };
    }),
  ]);
  const mirrors = addedUp(parts.flatMap((part) => part.mirrors));
  const series = new Map<string, readonly [Labels, Tally]>();
  const accounts = { reported: 0, undetailed: 0, pendingMax: 0, lostMax: 0 };
  for (const part of parts) {
    for (const [labels, wire] of part.series) {
      const known = series.get(keyOf(labels));
      if (known) addTally(known[1], fromWire(wire));
      else series.set(keyOf(labels), [labels, fromWire(wire)]);
    }
    accounts.reported += part.accounts.reported;
    accounts.undetailed += part.accounts.undetailed;
    accounts.pendingMax += part.accounts.pendingMax;
    accounts.lostMax += part.accounts.lostMax;
  }
  const edges = parts.flatMap(({ isolates }) => isolates);
  const exemplars = parts.flatMap((part) => part.exemplars);
  return { series: [...series.values()], edges, epoch, accounts, mirrors, exemplars, ...(refusing && { refusing }) };
}

/** Those that reported within a minute. Undefined while the fleet object does not answer: a gauge may be missing from a scrape. */
async function refusingEdges(env: Env): Promise<Record<string, number> | undefined> {
  try {
    const counts: Record<string, number> = {};
    for (const { name, nack } of await fleet(env).edges()) counts[name] = (counts[name] ?? 0) + (nack ? 1 : 0);
    return counts;
  } catch (error) {
    console.error(error);
    return undefined;
  }
}

/** A collector that does not answer is left out, and said to be. */
export async function metrics(request: Request, env: Env): Promise<Response> {
  const now = Math.floor(Date.now() / 1000);
  const { to = now + 1, by, last = DEFAULT_RANGE_S, from = to - last, ...asked } = queryOf(request, metricsQuery);
  const { step: wanted = to - from, ...where } = asked;
  if (from >= to) throw new Refusal("invalid-request", { detail: "from must be before to" });
  const answers = await Promise.all(
    collectors(env).map(async (collector) => {
      try {
        return await collector.range(from, to);
      } catch (error) {
        console.error(error);
        return undefined;
      }
    }),
  );
  const ranges = answers.filter((answer) => answer !== undefined);
  const slot = Math.max(1, ...ranges.map(({ slotSeconds }) => slotSeconds));
  const step = Math.ceil(Math.max(wanted, (to - from) / MOST_STEPS) / slot) * slot;
  const groups = query(ranges, by, { from, to, step }, where);
  const missing = answers.length - ranges.length;
  return Response.json({ from, to, step, groups, missing } satisfies MetricsResponse);
}
