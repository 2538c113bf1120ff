/**
 * Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding/), as much of it as OTLP has: an object in OTLP's JSON form and the schema of its message give the
 * same message in bytes. Fields that are absent are left out.
 */

/** In JSON, `hex` is a text of digits, and the 64-bit integers are texts of decimal digits. */
type Scalar =
  | "string"
  | "hex"
  | "bool"
  | "enum"
  | "uint32"
  | "sint32"
  | "int64"
  | "fixed32"
  | "fixed64"
  | "sfixed64"
  | "double";
export type Field = readonly [number: number, type: Scalar | Message | readonly [Message] | "packed uint64"];
export type Message = { readonly [field: string]: Field };

export function encode(message: Message, value: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  write(writer, message, value);
  return writer.finish();
}

function write(writer: Writer, message: Message, value: Readonly<Record<string, unknown>>): void {
  for (const name in message) {
    const [number, type] = message[name]!; // a name of its own
    const field = value[name];
    if (field === undefined) continue;
    if (Array.isArray(type))
      for (const item of field as Readonly<Record<string, unknown>>[]) nested(writer, number, type[0] as Message, item);
    else if (typeof type === "object")
      nested(writer, number, type as Message, field as Readonly<Record<string, unknown>>);
    else scalar(writer, number, type as Scalar | "packed uint64", field);
  }
}

function nested(writer: Writer, number: number, message: Message, value: Readonly<Record<string, unknown>>): void {
  writer.tag(number, LENGTH);
  writer.delimited(() => write(writer, message, value));
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

function scalar(writer: Writer, number: number, type: Scalar | "packed uint64", value: unknown): void {
  switch (type) {
    case "string":
      writer.tag(number, LENGTH);
      return writer.text(value as string);
    case "hex":
      writer.tag(number, LENGTH);
      return writer.hex(value as string);
    case "bool":
      writer.tag(number, VARINT);
      return writer.varint(value ? 1n : 0n);
    case "enum":
    case "uint32":
      writer.tag(number, VARINT);
      return writer.varint(BigInt(value as number));
    case "sint32":
      writer.tag(number, VARINT);
      // Zigzag: small numbers stay short, whatever their sign.
      return writer.varint(BigInt((value as number) < 0 ? -2 * (value as number) - 1 : 2 * (value as number)));
    case "int64":
      writer.tag(number, VARINT);
      return writer.varint(BigInt.asUintN(64, BigInt(value as string)));
    case "fixed32":
      writer.tag(number, FIXED32);
      return writer.fixed32(value as number);
    case "fixed64":
    case "sfixed64":
      writer.tag(number, FIXED64);
      return writer.fixed64(BigInt(value as string));
    case "double":
      writer.tag(number, FIXED64);
      return writer.double(value as number);
    case "packed uint64":
      writer.tag(number, LENGTH);
      return writer.delimited(() => {
        for (const one of value as readonly string[]) writer.varint(BigInt(one));
      });
  }
}

class Writer {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  tag(number: number, wire: number): void {
    this.varint(BigInt(number * 8 + wire));
  }

  varint(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#view.setUint32(this.#reserve(4), value, true);
    this.#length += 4;
  }

  fixed64(value: bigint): void {
    this.#view.setBigInt64(this.#reserve(8), value, true);
    this.#length += 8;
  }

  double(value: number): void {
    this.#view.setFloat64(this.#reserve(8), value, true);
    this.#length += 8;
  }

  hex(digits: string): void {
    this.varint(BigInt(digits.length / 2));
    let at = this.#reserve(digits.length / 2);
    for (let n = 0; n < digits.length; n += 2) this.#bytes[at++] = Number.parseInt(digits.slice(n, n + 2), 16);
    this.#length = at;
  }

  text(value: string): void {
    const encoded = utf8(value);
    this.varint(BigInt(encoded.length));
    let at = this.#reserve(encoded.length);
    for (let n = 0; n < encoded.length; n++) this.#bytes[at++] = encoded.charCodeAt(n);
    this.#length = at;
  }

  /** Its length stands before it and is known after it: what was written moves up by as much as that takes. */
  delimited(content: () => void): void {
    const begin = this.#length;
    content();
    const size = this.#length - begin;
    let prefix = 1;
    for (let rest = size; rest > 0x7f; rest = Math.floor(rest / 128)) prefix++;
    this.#reserve(prefix);
    this.#bytes.copyWithin(begin + prefix, begin, this.#length);
    this.#length = begin;
    this.varint(BigInt(size));
    this.#length += size;
  }

  /** Where the next bytes go, of which there is room for `count`. */
  #reserve(count: number): number {
    if (this.#length + count > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return this.#length;
  }
}

/** Each byte of UTF-8 as a character. This folder has no runtime's encoder; the language's own is that of URLs. */
const utf8 = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- ASCII, all of it
  /^[\x00-\x7f]*$/.test(text)
    ? text
    : encodeURIComponent(text.toWellFormed()).replace(/%(..)/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 16)),
      );

/** The number in field `path[0]` of the message in field `path[1]` …, last one first in; 0 where it is absent, or `bytes` is no such message. */
export function readVarint(bytes: Uint8Array, path: readonly number[]): number {
  const [wanted, ...deeper] = path;
  for (let at = 0; at < bytes.length;) {
    const tag = varintAt(bytes, at);
    const wire = tag.value % 8;
    const body = varintAt(bytes, tag.end);
    if (wire === FIXED64 || wire === FIXED32) at = tag.end + (wire === FIXED64 ? 8 : 4);
    else if (wire === VARINT) {
      if (deeper.length === 0 && Math.floor(tag.value / 8) === wanted) return body.value;
      at = body.end;
    } else if (wire === LENGTH) {
      at = body.end + body.value;
      if (deeper.length > 0 && Math.floor(tag.value / 8) === wanted)
        return readVarint(bytes.subarray(body.end, at), deeper);
    } else return 0;
  }
  return 0;
}

function varintAt(bytes: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let at = from;
  for (let factor = 1; at < bytes.length; factor *= 128) {
    const byte = bytes[at++]!; // within
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  return { value, end: at };
}
