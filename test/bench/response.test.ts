import { describe, expect, it } from "vitest";
import { ResponseParser } from "../../bench/response.ts";

const FIXED = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
const EMPTY = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
const CHUNKED =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nf;ext=1\r\n\r\n\r\nline ends\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n";
const BODILESS = "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n";
const ALL = [FIXED, CHUNKED, EMPTY, BODILESS, CHUNKED, FIXED];
const STATUSES = [200, 200, 404, 304, 200, 200];

describe("the response parser", () => {
  it.each([
    ["of a given length", FIXED, [200]],
    ["without a body", EMPTY, [404]],
    ["in chunks, with extensions and trailers, and line ends within a chunk", CHUNKED, [200]],
    ["to which a length belongs that is no body's", BODILESS, [304]],
    ["several at once", ALL.join(""), STATUSES],
  ])("counts responses %s", (_, text, statuses) => {
    expect(new ResponseParser().push(Buffer.from(text))).toEqual(statuses);
  });

  it.each([1, 2, 3, 5, 7, 16, 61])("sees the same whatever the cuts: pieces of %i", (size) => {
    const bytes = Buffer.from(ALL.join(""));
    const parser = new ResponseParser();
    const seen: number[] = [];
    for (let at = 0; at < bytes.length; at += size) seen.push(...parser.push(bytes.subarray(at, at + size)));
    expect(seen).toEqual(STATUSES);
  });

  it("counts a response when its last byte is there, not before", () => {
    const parser = new ResponseParser();
    expect(parser.push(Buffer.from(FIXED.slice(0, -1)))).toEqual([]);
    expect(parser.push(Buffer.from(FIXED.slice(-1)))).toEqual([200]);
  });

  it("knows the fields of the response that came last", () => {
    const parser = new ResponseParser();
    parser.push(Buffer.from(FIXED));
    expect([parser.field("content-type"), parser.field("x-trailer")]).toEqual(["text/plain", undefined]);
    parser.push(Buffer.from(EMPTY));
    expect(parser.field("content-type")).toBeUndefined();
  });

  it.each([
    ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n", "not a response"],
    ["a body that only the connection's end would end", "HTTP/1.1 200 OK\r\n\r\n", "unknown length"],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "not a chunk's size"],
    [
      "a chunk longer than it said",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      "longer than it said",
    ],
    ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`, "without end"],
  ])("throws on %s", (_, text, message) => {
    expect(() => new ResponseParser().push(Buffer.from(text))).toThrow(message);
  });
});
