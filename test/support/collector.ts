/** An OTLP collector on loopback: keeps what it takes, in OTLP's JSON form, whichever of the two it came in. */
import type { IncomingMessage } from "node:http";
import { METRICS, TRACES } from "../../mesh/telemetry/otlp.ts";
import type { Field, Message } from "../../mesh/telemetry/protobuf.ts";
import { upstream } from "./upstream.ts";

type Json = Readonly<Record<string, unknown>>;

export type Collector = {
  readonly url: string;
  readonly taken: { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly message: Json }[];
  /** How many requests are still to be answered 503, with a Retry-After of a second. */
  refuse: number;
  readonly refused: number[];
  readonly close: () => Promise<void>;
};

export async function otlpCollector(): Promise<Collector> {
  const server = await upstream("otlp", (request, response, { headers, bytes }) => {
    if (collector.refuse > 0) {
      collector.refuse--;
      collector.refused.push(Date.now());
      return void response.writeHead(503, { "retry-after": "1" }).end();
    }
    const path = request.url ?? "";
    const isJson = headers["content-type"] === "application/json";
    const message = isJson
      ? (JSON.parse(bytes.toString()) as Json)
      : decode(path.endsWith("/traces") ? TRACES : METRICS, bytes);
    collector.taken.push({ path, headers, message });
    response.writeHead(200, { "content-type": headers["content-type"] }).end(isJson ? "{}" : "");
  });
  const collector: Collector = { url: server.url, taken: [], refuse: 0, refused: [], close: server.close };
  return collector;
}

/** The other way of `encode`, by the same schema, which a golden file holds to another implementation's bytes. */
function decode(message: Message, bytes: Buffer): Json {
  const names = new Map(Object.entries(message).map(([name, [number, type]]) => [number, { name, type }]));
  const found: Record<string, unknown> = {};
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!; // what was sent is whole
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const { name, type } = names.get(tag >> 3)!; // of the same schema
    const wire = tag & 7;
    const size = wire === 0 ? 0 : wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
    if (wire === 0) found[name] = scalar(type, varint());
    else {
      const part = bytes.subarray(at, (at += size));
      if (Array.isArray(type))
        found[name] = [...((found[name] as unknown[]) ?? []), decode((type as [Message])[0], part)];
      else found[name] = typeof type === "object" ? decode(type as Message, part) : text(type as string, part);
    }
  }
  return found;
}

function scalar(type: Field[1], value: bigint): unknown {
  if (type === "bool") return value === 1n;
  return type === "int64"
    ? String(BigInt.asIntN(64, value))
    : Number(type === "sint32" ? (value >> 1n) ^ -(value & 1n) : value);
}

function text(type: string, bytes: Buffer): unknown {
  switch (type) {
    case "string":
      return bytes.toString();
    case "hex":
      return bytes.toString("hex");
    case "double":
      return bytes.readDoubleLE();
    case "fixed32":
      return bytes.readUInt32LE();
    case "packed uint64": {
      const counts: string[] = [];
      for (let at = 0, value = 0n, shift = 0n; at < bytes.length; at++) {
        value |= BigInt(bytes[at]! & 0x7f) << shift;
        shift += 7n;
        if (bytes[at]! >= 0x80) continue;
        counts.push(String(value));
        value = shift = 0n;
      }
      return counts;
    }
    default:
      return String(bytes.readBigInt64LE());
  }
}
