import { describe, expect, it } from "vitest";
import { allowsOrigin, answerHeaders, type Cors, preflightHeaders } from "../../../mesh/policies/cors.ts";

const cors = (more: Partial<Cors> = {}): Cors => ({
  origins: ["https://a.example"],
  credentials: false,
  methods: [],
  headers: [],
  expose: [],
  maxAgeSeconds: 5,
  ...more,
});

describe("an origin", () => {
  it.each([
    ["*", "https://a.example", true],
    ["*", "null", true],
    ["https://a.example", "https://a.example", true],
    ["https://a.example", "https://A.example", true],
    ["https://a.example", "http://a.example", false],
    ["https://a.example", "https://a.example:443", true],
    ["https://a.example:443", "https://a.example", true],
    ["http://a.example:80", "http://a.example", true],
    ["https://a.example", "https://a.example:8443", false],
    ["https://a.example", "https://b.a.example", false],
    ["https://a.example", "https://a.example.evil.example", false],
    ["https://a.example", "null", false],
    ["https://*.a.example", "https://b.a.example", true],
    ["https://*.a.example", "https://c.b.a.example", true],
    ["https://*.a.example", "https://a.example", false],
    ["https://*.a.example", "https://ba.example", false],
    ["https://*.a.example:8443", "https://b.a.example:8443", true],
    ["https://*.a.example", "https://evil.example/.a.example", false],
    ["https://*.a.example", "https://evil.example:1/.a.example", false],
    ["https://*", "https://anything", true],
    ["https://*", "http://anything", false],
    ["http://[::1]:3000", "http://[::1]:3000", true],
  ])("%s allows %s: %s", (allowed, origin, expected) => {
    expect(allowsOrigin(cors({ origins: [allowed] }), origin)).toBe(expected);
  });

  it("is allowed by none of none", () => {
    expect(allowsOrigin(cors({ origins: [] }), "https://a.example")).toBe(false);
  });
});

const ORIGIN = { "access-control-allow-origin": "https://a.example" };
const AGE = { "access-control-max-age": "5" };

describe("a preflight is answered", () => {
  it.each<[string, Partial<Cors>, Record<string, string>]>([
    ["with the default age", {}, {}],
    [
      "with the lists",
      { methods: ["GET", "PUT"], headers: ["x-a", "x-b"], expose: ["x-c"] },
      {
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "x-a, x-b",
        "access-control-expose-headers": "x-c",
      },
    ],
    [
      "for wildcards with what was asked for",
      { methods: ["*"], headers: ["*"], expose: ["*"], credentials: true },
      {
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "authorization",
        "access-control-allow-credentials": "true",
      },
    ],
  ])("%s", (_, policy, expected) => {
    const asked = { method: "PUT", headers: "authorization" };
    expect(preflightHeaders(cors(policy), "https://a.example", asked)).toEqual({ ...ORIGIN, ...expected, ...AGE });
  });

  it("without headers when none were asked for and all are allowed", () => {
    const answered = preflightHeaders(cors({ headers: ["*"] }), "https://a.example", { method: "PUT", headers: null });
    expect(answered).toEqual({ ...ORIGIN, ...AGE });
  });
});

describe("an answer", () => {
  it.each<[string, Partial<Cors>, Record<string, string>]>([
    ["names the origin", { origins: ["*"], methods: ["*"], headers: ["*"] }, {}],
    ["exposes everything", { expose: ["*"] }, { "access-control-expose-headers": "*" }],
    [
      "exposes everything by name where credentials go along",
      { expose: ["*"], credentials: true },
      { "access-control-expose-headers": "etag, x-a", "access-control-allow-credentials": "true" },
    ],
  ])("%s", (_, policy, expected) => {
    expect(answerHeaders(cors(policy), "https://a.example", ["etag", "x-a"])).toEqual({ ...ORIGIN, ...expected });
  });
});
