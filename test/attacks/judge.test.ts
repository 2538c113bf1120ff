import { describe, expect, it } from "vitest";
import { chunkedBody, headOf, responsesIn } from "./bytes.ts";
import type { Expectation } from "./case.ts";
import { judge, type Seen } from "./judge.ts";
import { readings } from "./readings.ts";

const answer = "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok";
const seen = (text: string, target?: string): Seen => ({
  text,
  responses: responsesIn(text, "GET", true),
  ms: 5,
  marks: [{ ms: 5, length: text.length }],
  garbage: [],
  requests:
    target === undefined
      ? []
      : [{ origin: "A", method: "GET", target, fields: [["x-b", "1, 2"]], malformed: [], body: "", at: 0 }],
});

it.each<[expected: Expectation, seen: Seen, holds: boolean]>([
  [{ denied: true }, seen("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), true],
  [{ denied: true }, seen(answer), false],
  [{ denied: true }, seen("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "/x"), false],
  [{ denied: true }, seen(""), true],
  [{ status: [200] }, seen(answer), true],
  [{ status: ["4xx", "close"] }, seen(answer), false],
  [{ not_status: ["2xx"] }, seen(answer), false],
  [{ statuses: [200, [400, 200]] }, seen(answer + answer), true],
  [{ statuses: [200] }, seen(answer + answer), false],
  [{ responses_max: 1 }, seen(answer + answer), false],
  [{ some_status: [429] }, seen(answer), false],
  [{ origin: "reached" }, seen(answer), false],
  [{ origin: "not_reached" }, seen(answer, "/x"), false],
  [{ origin_count: 1, origin_port: "A" }, seen(answer, "/x"), true],
  [{ origin_port: "S" }, seen(answer, "/x"), false],
  [{ origin_req: { target: "/x", header_last: { "x-b": "2" } } }, seen(answer, "/x"), true],
  [{ origin_req: { header_absent: ["x-b"] } }, seen(answer, "/x"), false],
  [{ origin_never: { strict_norm_prefix: ["/admin"] } }, seen(answer, "/x/..%2f%61dmin"), false],
  [{ origin_never: { strict_norm_prefix: ["/admin"] } }, seen(answer, "/administrator"), true],
  [{ origin_never: { header: { "x-b": "2" } } }, seen(answer, "/x"), false],
  [{ response: { body: "ok", header_equals: { "x-a": "1" }, complete: true } }, seen(answer), true],
  [{ response: { incomplete: true } }, seen(answer), false],
  [{ one_of: [{ denied: true }, { status: [200] }] }, seen(answer), true],
  [{ one_of: [{ denied: true }, { status: [201] }] }, seen(answer), false],
  [{ raw_not_contains: ["ok"] }, seen(answer), false],
  [{ max_ms: 1 }, seen(answer), false],
  [{ first_bytes_within_ms: { contains: "ok", ms: 10 } }, seen(answer), true],
])("%j", (expected, what, holds) => {
  expect(judge(expected, what).broken.length === 0).toBe(holds);
});

describe("bytes", () => {
  it("a head tells what is no header field", () => {
    expect(headOf("GET / HTTP/1.1\r\nA: b \r\nC : d\r\n\r\n")).toMatchObject({
      fields: [["A", "b"]],
      malformed: ["C : d"],
    });
    expect(headOf("GET / HTTP/1.1\r\n")).toBeUndefined();
  });

  it.each([
    ["2\r\nok\r\n0\r\n\r\n", "whole"],
    ["2;x=y\r\nok\r\n0\r\nT: 1\r\n\r\n", "whole"],
    ["2\r\nok\r\n", "part"],
    ["0x2\r\nok\r\n", "malformed"],
    ["2\r\nokay\r\n", "malformed"],
  ])("the chunked body %j is %s", (text, kind) => {
    expect(chunkedBody(text, 0).kind).toBe(kind);
  });
});

it.each([
  ["/a//..%2fadmin?x", ["/a/admin", "/admin"]],
  ["http://h/%61\\b", ["/a/b", "/a/b"]],
])("%s can be read as %j", (target, paths) => {
  expect(readings(target)).toEqual(paths);
});
