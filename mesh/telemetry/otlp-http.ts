/** OTLP over HTTP: the request that carries a message, and what the answer means. */
import { METRICS, REJECTED, TRACES } from "./otlp.ts";
import type { OtlpDestination } from "./otlp-destination.ts";
import { encode, readVarint } from "./protobuf.ts";
import { isRecord } from "../canonical.ts";

const SCHEMAS = { traces: TRACES, metrics: METRICS };

/** What is to be POSTed. */
export function otlpRequest(
  { endpoint, headers, protocol }: OtlpDestination,
  signal: keyof typeof SCHEMAS,
  message: Readonly<Record<string, unknown>>,
) {
  const isJson = protocol === "http/json";
  return {
    url: `${endpoint}/v1/${signal}`,
    headers: { ...headers, "content-type": isJson ? "application/json" : "application/x-protobuf" },
    body: isJson ? JSON.stringify(message) : encode(SCHEMAS[signal], message),
  };
}

/** How much of it was not taken, by the body of a success: a text of JSON or the bytes of a message. What is neither says that nothing was. */
export function rejectedIn(answer: string | Uint8Array): number {
  if (typeof answer !== "string") return readVarint(answer, REJECTED);
  const { partialSuccess } = parsed(answer);
  if (!isRecord(partialSuccess)) return 0;
  return Number(partialSuccess.rejectedSpans ?? partialSuccess.rejectedDataPoints ?? 0) || 0;
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
