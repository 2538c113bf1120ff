/** Recorded hops on their way to an OTLP collector. As with all telemetry, no answer waits for it and no request suffers by it. */
import {
  type Delivery,
  deliveryOf,
  type ExportQueue,
  hasRest,
  isExportDue,
  nextBatch,
  settle,
} from "../../mesh/telemetry/export-queue.ts";
import type { OtlpDestination } from "../../mesh/telemetry/otlp-destination.ts";
import { otlpRequest, rejectedIn } from "../../mesh/telemetry/otlp-http.ts";
import { tracesRequest } from "../../mesh/telemetry/otlp-traces.ts";

export type Exporting = {
  readonly queue: ExportQueue;
  readonly destination: OtlpDestination;
  /** Of the deployment, as OpenTelemetry calls what telemetry is about. */
  readonly resource: Readonly<Record<string, string>>;
  readonly everyMs: number;
};

/** What `report` asks of whoever has something to send beside it. */
export type Exporter = {
  readonly isDue: (now: number) => boolean;
  readonly hasRest: () => boolean;
  /** Never fails. */
  readonly send: () => Promise<void>;
};

const SEND_LIMIT_MS = 10_000;

export const exporter = (exporting: Exporting): Exporter => ({
  isDue: (now) => isExportDue(exporting.queue, now, exporting.everyMs),
  hasRest: () => hasRest(exporting.queue),
  send: () => send(exporting),
});

async function send({ queue, destination, resource }: Exporting): Promise<void> {
  // Taken before anything is awaited: another request must not take the same.
  const batch = nextBatch(queue, Date.now(), SEND_LIMIT_MS);
  const { url, ...init } = otlpRequest(destination, "traces", tracesRequest(resource, batch));
  const delivery = await post(url, init, destination);
  if (delivery.kind === "refused") console.error(`${url} refused ${batch.length} traces`);
  settle(queue, delivery, Date.now(), Math.random());
}

async function post(url: string, init: RequestInit, { protocol }: OtlpDestination): Promise<Delivery> {
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
    return { kind: "later" };
  }
}
