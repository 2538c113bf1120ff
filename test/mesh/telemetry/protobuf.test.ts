import { describe, expect, it } from "vitest";
import { hexOf } from "../../../mesh/hex.ts";
import { METRICS, TRACES } from "../../../mesh/telemetry/otlp.ts";
import { rejectedIn } from "../../../mesh/telemetry/otlp-http.ts";
import { encode } from "../../../mesh/telemetry/protobuf.ts";
/** The bytes are what opentelemetry-proto 1.45.0 for Python makes of the same messages. */
import golden from "./otlp-golden.json" with { type: "json" };

describe("OTLP as Protocol Buffers", () => {
  it.each([
    ["traces", TRACES, golden.traces],
    ["metrics", METRICS, golden.metrics],
  ] as const)("%s are byte for byte what another implementation makes of them", (_what, schema, { message, bytes }) => {
    expect(hexOf(encode(schema, message))).toBe(bytes);
  });

  it("holds messages of any length", () => {
    const name = "x".repeat(100_000);
    const bytes = encode({ one: [1, { name: [1, "string"] }] }, { one: { name } });
    // Tag and length of three bytes each time.
    expect([bytes.length, hexOf(bytes.subarray(0, 8))]).toEqual([100_008, "0aa48d060aa08d06"]);
  });
});

describe("an answer", () => {
  const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  it.each<[string, string | Uint8Array, number]>([
    ["empty", new Uint8Array(), 0],
    ["of bytes, with all taken", bytes("0a00"), 0],
    ["of bytes, with 300 rejected", bytes("0a0708ac0212026e6f"), 300],
    ["of bytes, with something before it that is unknown", bytes("1d010203040a0208 05".replace(" ", "")), 5],
    ["of bytes that are cut off", bytes("0a7f08"), 0],
    ["of JSON, with all taken", "{}", 0],
    ["of JSON, with spans rejected", '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}', 3],
    ["of JSON, with data points rejected", '{"partialSuccess":{"rejectedDataPoints":4}}', 4],
    ["that is no JSON", "<html>", 0],
  ])("%s", (_what, answer, rejected) => {
    expect(rejectedIn(answer)).toBe(rejected);
  });
});
