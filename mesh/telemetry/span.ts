/**
 * Spans as plain data, written while a request runs. Names and attributes are OpenTelemetry's for HTTP
 * (https://opentelemetry.io/docs/specs/semconv/http/http-spans/); the mesh's own begin with `selvedge.`.
 */
import type { Kept } from "../policies/telemetry.ts";
import type { Trace } from "./trace.ts";

export type Attributes = Record<string, string | number | boolean>;

/** Mutable until it has ended. Times in milliseconds since 1970. */
export type Span = {
  readonly id: string;
  readonly parentId: string;
  readonly kind: "server" | "client" | "internal";
  readonly name: string;
  readonly began: number;
  /** Undefined while it is under way; of a request that is answered, whatever is under way was given up. */
  ended: number | undefined;
  readonly attributes: Attributes;
  /** What is wrong, of a span that failed: a status, or a cause. */
  error: string | undefined;
};

/** What is recorded of one request. */
export type Recording = {
  /** Whether policies have spans too. One that is only kept late has none: they would cost every request. */
  readonly detailed: boolean;
  readonly spans: Span[];
};

/** One hop of a trace, as it waits to be exported. */
export type Hop = {
  readonly trace: Trace;
  readonly spans: readonly Span[];
  readonly kept: Kept | undefined;
};

export function beginSpan(
  recording: Recording,
  span: Omit<Span, "ended" | "error" | "attributes"> & { readonly attributes?: Attributes },
): Span {
  const begun: Span = { ...span, attributes: span.attributes ?? {}, ended: undefined, error: undefined };
  recording.spans.push(begun);
  return begun;
}

/** A client's error is none of the server's span, and one of the client's. */
export function endWithStatus(span: Span, status: number, now: number): void {
  span.ended = now;
  span.attributes["http.response.status_code"] = status;
  if (status >= (span.kind === "client" ? 400 : 500)) fail(span, String(status));
}

export function endWithError(span: Span, what: string, now: number): void {
  span.ended = now;
  fail(span, what);
}

function fail(span: Span, what: string): void {
  span.error = what;
  span.attributes["error.type"] = what;
}

/** The hop as it is recorded: what did not end was given up when the request was answered. */
export function closeHop(trace: Trace, spans: readonly Span[], kept: Kept | undefined, now: number): Hop {
  return { trace, spans: spans.map((span) => (span.ended === undefined ? givenUp(span, now) : span)), kept };
}

/** A copy: what goes on after the answer, as for an answer that will be kept, still writes to its own. */
const givenUp = (span: Span, now: number): Span => ({
  ...span,
  ended: now,
  error: "cancelled",
  attributes: { ...span.attributes, "error.type": "cancelled" },
});
