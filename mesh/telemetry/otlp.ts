/**
 * OTLP 1 (https://opentelemetry.io/docs/specs/otlp/): what the messages of traces and metrics are made of, in their JSON form, and the same as schemas for Protocol Buffers. Field
 * numbers are those of opentelemetry-proto 1.x.
 */
import type { Field, Message } from "./protobuf.ts";

export type Value = string | number | boolean;
export type KeyValue = { readonly key: string; readonly value: AnyValue };
type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number };

export const keyValues = (attributes: Readonly<Record<string, Value>>): KeyValue[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

function anyValue(value: Value): AnyValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Nanoseconds since 1970, as JSON has 64-bit integers: in a text. */
export const nanos = (ms: number): string => (BigInt(Math.round(ms * 1000)) * 1000n).toString();

export const SCOPE = { name: "selvedge" };

const ANY_VALUE: Message = {
  stringValue: [1, "string"],
  boolValue: [2, "bool"],
  intValue: [3, "int64"],
  doubleValue: [4, "double"],
};
const ATTRIBUTES: readonly [Message] = [{ key: [1, "string"], value: [2, ANY_VALUE] }];
const RESOURCE: Message = { attributes: [1, ATTRIBUTES] };
const INSTRUMENTATION_SCOPE: Message = { name: [1, "string"] };

/** `resourceSpans` of `scopeSpans` of `spans`, and the same of metrics. */
const request = (signal: "Spans" | "Metrics", items: "spans" | "metrics", item: Message): Message => {
  const scoped: Field = [2, [{ scope: [1, INSTRUMENTATION_SCOPE], [items]: [2, [item]] }]];
  return { [`resource${signal}`]: [1, [{ resource: [1, RESOURCE], [`scope${signal}`]: scoped }]] };
};

export const TRACES: Message = request("Spans", "spans", {
  traceId: [1, "hex"],
  spanId: [2, "hex"],
  traceState: [3, "string"],
  parentSpanId: [4, "hex"],
  name: [5, "string"],
  kind: [6, "enum"],
  startTimeUnixNano: [7, "fixed64"],
  endTimeUnixNano: [8, "fixed64"],
  attributes: [9, ATTRIBUTES],
  links: [13, [{ traceId: [1, "hex"], spanId: [2, "hex"] }]],
  status: [15, { message: [2, "string"], code: [3, "enum"] }],
  flags: [16, "fixed32"],
});

const NUMBERS: Field = [
  1,
  [
    {
      startTimeUnixNano: [2, "fixed64"],
      timeUnixNano: [3, "fixed64"],
      asInt: [6, "sfixed64"],
      attributes: [7, ATTRIBUTES],
    },
  ],
];
const BUCKETS: Message = { offset: [1, "sint32"], bucketCounts: [2, "packed uint64"] };

export const METRICS: Message = request("Metrics", "metrics", {
  name: [1, "string"],
  description: [2, "string"],
  unit: [3, "string"],
  gauge: [5, { dataPoints: NUMBERS }],
  sum: [7, { dataPoints: NUMBERS, aggregationTemporality: [2, "enum"], isMonotonic: [3, "bool"] }],
  exponentialHistogram: [
    10,
    {
      dataPoints: [
        1,
        [
          {
            attributes: [1, ATTRIBUTES],
            startTimeUnixNano: [2, "fixed64"],
            timeUnixNano: [3, "fixed64"],
            count: [4, "fixed64"],
            sum: [5, "double"],
            scale: [6, "sint32"],
            zeroCount: [7, "fixed64"],
            positive: [8, BUCKETS],
          },
        ],
      ],
      aggregationTemporality: [2, "enum"],
    },
  ],
});

/** Of an answer: `partial_success.rejected_spans`, and likewise data points. */
export const REJECTED: readonly number[] = [1, 1];
