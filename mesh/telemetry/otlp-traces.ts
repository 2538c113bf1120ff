/** Hops of traces as OTLP's ExportTraceServiceRequest. */
import { keyValues, nanos, SCOPE, type Value } from "./otlp.ts";
import type { Hop, Span } from "./span.ts";
import { OWN_KEY, stateOf, type Trace } from "./trace.ts";
import { SAMPLED, RANDOM } from "./trace-context.ts";

const KINDS = { internal: 1, server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
/** OTLP's own bits of `flags`: that it is known whether the parent is of another process, and that it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** `resource` is what sends them. */
export const tracesRequest = (resource: Readonly<Record<string, Value>>, hops: readonly Hop[]) => ({
  resourceSpans: [
    {
      resource: { attributes: keyValues(resource) },
      scopeSpans: [
        { scope: SCOPE, spans: hops.flatMap(({ trace, spans }) => spans.map((span) => spanOf(trace, span))) },
      ],
    },
  ],
});

function spanOf(trace: Trace, span: Span) {
  const { traceId, random } = trace;
  const isRoot = span.parentId === "";
  const state = stateOf(trace);
  const last = span.kind === "server" ? trace.state.find(([key]) => key === OWN_KEY)?.[1] : undefined;
  return {
    traceId,
    spanId: span.id,
    ...(state !== "" && { traceState: state }),
    ...(!isRoot && { parentSpanId: span.parentId }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanos(span.began),
    endTimeUnixNano: nanos(span.ended ?? span.began),
    attributes: keyValues(span.attributes),
    // A service in between has put a span of its own there, which this collector need not know.
    ...(last !== undefined &&
      last !== span.parentId &&
      /^[0-9a-f]{16}$/.test(last) && { links: [{ traceId, spanId: last }] }),
    status: span.error === undefined ? {} : { code: STATUS_ERROR, message: span.error },
    flags: SAMPLED | (random ? RANDOM : 0) | HAS_IS_REMOTE | (span.kind === "server" && !isRoot ? IS_REMOTE : 0),
  };
}
