/** Metrics to an OTLP collector, with the minute's tick. */
import { deliveryOf } from "../../mesh/telemetry/export-queue.ts";
import { otlpDestination, type OtlpDestination } from "../../mesh/telemetry/otlp-destination.ts";
import { otlpRequest, rejectedIn } from "../../mesh/telemetry/otlp-http.ts";
import { metricsRequest } from "../../mesh/telemetry/otlp-metrics.ts";
import type { Env } from "./env.ts";
import { everything } from "./metrics.ts";

const SEND_LIMIT_MS = 10_000;
/** Within the minute: the next tick brings everything again, since counters are sent as they stand. */
const TRIES = 4;
const LONGEST_WAIT_MS = 20_000;

/** Never fails: what cannot be exported is said in the log. */
export async function exportMetrics(env: Env): Promise<void> {
  try {
    const destination = otlpDestination(env);
    if (!destination) return;
    const message = metricsRequest({ "service.name": "selvedge-control" }, await everything(env), Date.now());
    await send(destination, message);
  } catch (error) {
    console.error(`no metrics are exported: ${String(error)}`);
  }
}

async function send(destination: OtlpDestination, message: Readonly<Record<string, unknown>>): Promise<void> {
  const { url, ...init } = otlpRequest(destination, "metrics", message);
  for (let made = 1; ; made++) {
    const delivery = await post(url, init, destination);
    if (delivery.kind === "taken") {
      if (delivery.rejected > 0) console.error(`${url} did not take ${delivery.rejected} data points`);
      return;
    }
    const waitMs = delivery.kind === "later" ? (delivery.retryAfterMs ?? 1000 * 2 ** made) : Infinity;
    if (made >= TRIES || waitMs > LONGEST_WAIT_MS) throw new Error(`${url} took nothing, in ${made} tries`);
    await scheduler.wait(waitMs + Math.random() * 1000);
  }
}

async function post(url: string, init: RequestInit, { protocol }: OtlpDestination) {
  try {
    const response = await fetch(url, {
      ...init,
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(SEND_LIMIT_MS),
    });
    const answer = protocol === "http/json" ? await response.text() : new Uint8Array(await response.arrayBuffer());
    return deliveryOf(
      response.status,
      response.headers.get("retry-after"),
      response.ok ? rejectedIn(answer) : 0,
      Date.now(),
    );
  } catch {
    return { kind: "later" } as const;
  }
}
