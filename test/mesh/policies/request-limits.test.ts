import { expect, it } from "vitest";
import { overLimits, type RequestLimits, watchesBody } from "../../../mesh/policies/request-limits.ts";

const request = (path: string, headers: Record<string, string> = {}) => ({
  url: `http://shop.example:8080${path}`,
  headers: Object.entries(headers),
});

it.each<[string, RequestLimits, ReturnType<typeof request>, string | undefined]>([
  ["no limits", {}, request("/", { "content-length": "999999999" }), undefined],
  ["as many headers as it may", { headers: 2 }, request("/", { a: "1", b: "2" }), undefined],
  ["one header more", { headers: 2 }, request("/", { a: "1", b: "2", c: "3" }), "headers-too-large"],
  ["as many bytes of headers as it may", { headerBytes: 12 }, request("/", { a: "1", b: "2" }), undefined],
  ["one byte of headers more", { headerBytes: 11 }, request("/", { a: "1", b: "2" }), "headers-too-large"],
  ["as long a URL as it may", { urlBytes: 8 }, request("/abc?d=e"), undefined],
  ["one byte of URL more", { urlBytes: 7 }, request("/abc?d=e"), "url-too-long"],
  ["a body as large as it may be", { bodyBytes: 5 }, request("/", { "content-length": "5" }), undefined],
  ["one byte of body more", { bodyBytes: 5 }, request("/", { "content-length": "6" }), "body-too-large"],
  ["no body where there may be none", { bodyBytes: 0 }, request("/", { "content-length": "0" }), undefined],
  ["a body of unknown length", { bodyBytes: 0 }, request("/"), undefined],
])("a request with %s", (_, limits, head, cause) => {
  expect(overLimits(limits, head)?.cause).toBe(cause);
});

it.each<[RequestLimits, number | undefined, boolean]>([
  [{ headers: 1, headerBytes: 1, urlBytes: 1 }, undefined, false],
  [{ bodyBytes: 5 }, 5, false],
  [{ bodyBytes: 5 }, undefined, true],
  [{ bodyIdleMs: 5 }, 5, true],
  [{ bodyMs: 5 }, 5, true],
])("with %j, a body of length %s is watched: %s", (limits, length, watched) => {
  expect(watchesBody(limits, length)).toBe(watched);
});
