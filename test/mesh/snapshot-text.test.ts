import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../mesh/canonical.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { matcher, matchHost } from "../../mesh/match.ts";
import { EMPTY_SNAPSHOT } from "../../mesh/snapshot.ts";
import { decode, encode } from "../../mesh/snapshot-text.ts";
import { EXAMPLES } from "../support/examples.ts";
import { backend, front, rateLimitPolicy, resources, route, to, trafficPolicy } from "../support/resources.ts";

const target = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "shop" };
const { text } = compile(
  resources(
    ...Object.values(EXAMPLES),
    front(),
    backend("b"),
    trafficPolicy("t", { targetRefs: [target], breaker: {}, timeouts: { request: "1s" } }),
    rateLimitPolicy("l", {
      targetRefs: [target],
      limits: [{ name: "l", requests: 1, key: [{ type: "Header", name: "a" }] }],
    }),
    route("shop", {
      parentRefs: [{ name: "front" }],
      rules: [
        {
          matches: [
            { path: { type: "RegularExpression", value: "/[a-z]+" }, method: "PUT" },
            { method: "GET", headers: [{ name: "a", value: "b" }], queryParams: [{ name: "q", value: "1" }] },
          ],
          filters: [{ type: "URLRewrite", urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/b" } } }],
          backendRefs: [to("b"), to("gone")],
        },
        { filters: [{ type: "RequestRedirect", requestRedirect: {} }] },
        {
          filters: [
            { type: "CORS", cors: {} },
            { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: ["a"] } },
          ],
        },
      ],
    }),
  ),
);

describe("a snapshot's text", () => {
  it("is the same after decoding and encoding", () => {
    expect(encode(decode(text))).toBe(text);
    expect(encode(decode(encode(EMPTY_SNAPSHOT)))).toBe(encode(EMPTY_SNAPSHOT));
  });

  it("cut short anywhere is refused", () => {
    for (let length = 0; length < text.length; length += 7)
      expect(() => decode(text.slice(0, length))).toThrow(SyntaxError);
    expect(() => decode(text.slice(0, -1))).toThrow(SyntaxError);
  });

  it.each(["null", "[]", "1", '"snapshot"', "{}", '{"format":2}', '{"format":"1"}', '{"format":1}'])(
    "of %s is refused",
    (given) => {
      expect(() => decode(given)).toThrow(/not a snapshot|format|a part is missing/);
    },
  );

  it.each(["listeners", "services", "rules", "backends", "stacks"])("without its %s is refused", (part) => {
    const { [part]: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
    expect(() => decode(JSON.stringify(rest))).toThrow("a part is missing");
    expect(() => decode(JSON.stringify({ ...rest, [part]: "x" }))).toThrow("a part is missing");
  });
});

const rule = {
  route: "a/b",
  rule: "0",
  layers: 0,
  backends: [{ backend: 0, weight: 1, layers: 0 }],
};
const one = { name: "Backend/a/b", endpoints: [{ kind: "url", origin: "https://a", path: "", weight: 1 }] };
const tableOf = (candidate: unknown) => ({ exact: {}, prefix: { "": [candidate] } });
const listener = { gateways: ["a/front"], port: 80, hostname: "", hosts: { "": tableOf({ rule: 0 }) } };
const sound = {
  format: 1,
  listeners: [listener],
  services: { "a.b": [{ port: 80, table: tableOf({ rule: 0 }) }] },
  rules: [rule],
  backends: [one],
  stacks: [[]],
};
const RETRY = {
  kind: "retry",
  backend: "b",
  codes: [],
  serverErrors: false,
  headers: [],
  failures: [],
  attempts: 1,
  backoff: { baseMs: 1, maxMs: 1, least: false },
  maxRetryAfterMs: 0,
  largestBody: 0,
  budget: { percent: 0, perSecond: 0 },
};
const withLayer = (layer: unknown) => ({ stacks: [[layer]] });
const withCandidate = (candidate: unknown) => ({ listeners: [{ ...listener, hosts: { "": tableOf(candidate) } }] });
const withTable = (more: object) => ({
  listeners: [{ ...listener, hosts: { "": { ...tableOf({ rule: 0 }), ...more } } }],
});
const withShare = (share: object) => ({ rules: [{ ...rule, backends: [{ ...rule.backends[0], ...share }] }] });
const limit = { name: "a", key: [], requests: 1, windowMs: 1000, burst: 1, onUnavailable: "deny" };
const breaker = {
  kind: "breaker",
  circuit: "c",
  failures: 5,
  failureRatio: 0.5,
  windowMs: 1,
  openMs: 1,
  maxOpenMs: 1,
  probes: 1,
};

const cors = {
  kind: "cors",
  origins: ["*"],
  credentials: false,
  methods: [],
  headers: [],
  expose: [],
  maxAgeSeconds: 5,
};

const session = { kind: "session", scope: "a/b/0", shares: [0, null], carrier: { kind: "cookie", permanent: false } };

const clause = { of: { kind: "path" }, path: "spec", values: ["/a"] };
const authorizeBy = (one: unknown, action = "ALLOW") => ({
  kind: "authorize",
  groups: [[{ name: "a/p", action, trustedProxies: 0, rules: [{ name: "0", parts: [[[one]]] }] }]],
});
const provider = {
  name: "a/p/0",
  issuer: "https://i.example",
  audiences: ["a"],
  keys: { kind: "remote", url: "https://i.example/jwks" },
  from: [{ kind: "header", name: "authorization", prefix: "Bearer " }],
  claimHeaders: [],
  forward: false,
  skewMs: 0,
};
const authenticateBy = (more: object) => ({
  kind: "authenticate",
  required: true,
  providers: [{ ...provider, ...more }],
});

describe("a snapshot that a request would trip over is refused", () => {
  it("and a sound one is not", () => {
    const { stacks: _, ...whole } = sound;
    const inPlace = { ...rule, layers: [], backends: [{ backend: 0, weight: 1, layers: [] }] };
    expect(decode(JSON.stringify(sound))).toEqual({ ...whole, rules: [inPlace] });
    expect(() =>
      decode(JSON.stringify({ ...sound, ...withLayer({ kind: "rate-limit", limits: [limit] }) })),
    ).not.toThrow();
    for (const layer of [breaker, cors, session, authorizeBy(clause), authenticateBy({})])
      expect(() => decode(JSON.stringify({ ...sound, ...withLayer(layer) }))).not.toThrow();
    expect(() => decode(JSON.stringify({ ...sound, ...withShare({ backend: null }) }))).not.toThrow();
  });

  it.each<[string, object]>([
    ["groups of policies that are none", withLayer({ kind: "authorize", groups: "x" })],
    ["a clause about nothing", withLayer(authorizeBy({ ...clause, of: {} }))],
    ["a clause about something unknown", withLayer(authorizeBy({ ...clause, of: { kind: "weather" } }))],
    ["an action that is none", withLayer(authorizeBy(clause, "CUSTOM"))],
    ["a block of addresses that is none", withLayer(authorizeBy({ ...clause, of: { kind: "ip" }, values: ["x"] }))],
    ["a condition that is none", withLayer(authorizeBy({ ...clause, of: { kind: "condition" }, values: ["a =="] }))],
    ["a provider without keys", withLayer(authenticateBy({ keys: {} }))],
    ["a provider without places", withLayer(authenticateBy({ from: [null] }))],
    ["a listener that is null", { listeners: [null] }],
    ["a listener without port", { listeners: [{ ...listener, port: undefined }] }],
    ["a listener at port 0", { listeners: [{ ...listener, port: 0 }] }],
    ["a listener's port as text", { listeners: [{ ...listener, port: "80" }] }],
    ["a listener without hostname", { listeners: [{ ...listener, hostname: undefined }] }],
    ["a listener without hosts", { listeners: [{ port: 80, hostname: "" }] }],
    ["a host that is no table", { listeners: [{ ...listener, hosts: { "": [] } }] }],
    ["a table without prefixes", { listeners: [{ ...listener, hosts: { "": { exact: {} } } }] }],
    [
      "a path without candidates",
      { listeners: [{ ...listener, hosts: { "": { exact: { "/": null }, prefix: {} } } }] },
    ],
    ["a service that is no list", { services: { "a.b": {} } }],
    ["a service's port that is null", { services: { "a.b": [null] } }],
    ["a service's port without table", { services: { "a.b": [{ port: 80 }] } }],
    ["a service's rule out of range", { services: { "a.b": [{ port: 80, table: tableOf({ rule: 9 }) }] } }],
    ["a candidate that is null", withCandidate(null)],
    ["a rule one past the last", withCandidate({ rule: 1 })],
    ["a rule before the first", withCandidate({ rule: -1 })],
    ["a rule between two", withCandidate({ rule: 0.5 })],
    ["a rule's index as text", withCandidate({ rule: "0" })],
    ["a rule named as a property of every list", withCandidate({ rule: "length" })],
    ["a method that is a number", withCandidate({ rule: 0, method: 1 })],
    ["a pattern among prefixes", withCandidate({ rule: 0, path: "/a" })],
    ["a header's pattern that is none", withCandidate({ rule: 0, headers: [{ name: "a", value: "(", regex: true }] })],
    ["a condition that is a pattern or not", withCandidate({ rule: 0, query: [{ name: "a", value: "a", regex: 1 }] })],
    ["a table's patterns that are a list", withTable({ regex: [] })],
    ["a candidate among patterns that has none", withTable({ regex: { "": [{ rule: 0 }] } })],
    ["a path's pattern that is none", withTable({ regex: { "": [{ rule: 0, path: "(" }] } })],
    ["a header condition that is a map", withCandidate({ rule: 0, headers: {} })],
    ["a header condition without value", withCandidate({ rule: 0, headers: [{ name: "a" }] })],
    ["a query condition that is null", withCandidate({ rule: 0, query: [null] })],
    ["a rule that is null", { rules: [null] }],
    ["a rule without route", { rules: [{ ...rule, route: undefined }] }],
    ["a rule without layers", { rules: [{ ...rule, layers: undefined }] }],
    ["a rule whose layers are out of range", { rules: [{ ...rule, layers: 1 }] }],
    ["a list of layers that is none", { stacks: [{}] }],
    ["a rule without backends", { rules: [{ ...rule, backends: undefined }] }],
    ["a share that is null", { rules: [{ ...rule, backends: [null] }] }],
    ["a share of negative weight", withShare({ weight: -1 })],
    ["a share without backend", withShare({ backend: undefined })],
    ["a share's backend out of range", withShare({ backend: 1 })],
    ["a share's backend as text", withShare({ backend: "0" })],
    ["a share without layers", withShare({ layers: null })],
    ["a backend that is null", { backends: [null] }],
    ["a backend without endpoints", { backends: [{ name: "a" }] }],
    ["an endpoint of unknown kind", { backends: [{ ...one, endpoints: [{ kind: "socket", weight: 1 }] }] }],
    ["an endpoint without origin", { backends: [{ ...one, endpoints: [{ kind: "url", path: "", weight: 1 }] }] }],
    ["an endpoint of weight 0", { backends: [{ ...one, endpoints: [{ kind: "binding", binding: "A", weight: 0 }] }] }],
    ["a layer that is null", withLayer(null)],
    ["a layer that this edge does not know", withLayer({ kind: "authorize" })],
    ["a layer named as a property of every object", withLayer({ kind: "constructor" })],
    ["a deadline without time", withLayer({ kind: "deadline" })],
    ["a deadline of no time", withLayer({ kind: "deadline", ms: 0 })],
    ["a rate limit without limits", withLayer({ kind: "rate-limit" })],
    ["a rate limit without window", withLayer({ kind: "rate-limit", limits: [{ ...limit, windowMs: 0 }] })],
    ["a rate limit without key", withLayer({ kind: "rate-limit", limits: [{ ...limit, key: undefined }] })],
    ["header changes without set", withLayer({ kind: "request-headers", add: [], remove: [] })],
    ["header changes that remove numbers", withLayer({ kind: "response-headers", set: [], add: [], remove: [1] })],
    ["a redirect without status", withLayer({ kind: "redirect" })],
    ["a rewrite to an unknown kind of path", withLayer({ kind: "rewrite", path: { kind: "regex", to: "/" } })],
    ["a refusal without reason", withLayer({ kind: "refuse" })],
    ["a CORS policy without origins", withLayer({ ...cors, origins: undefined })],
    ["a CORS policy whose methods are numbers", withLayer({ ...cors, methods: [1] })],
    ["a CORS policy without age", withLayer({ ...cors, maxAgeSeconds: 0 })],
    ["a retry without codes", withLayer({ ...RETRY, codes: undefined })],
    ["a retry of no attempt", withLayer({ ...RETRY, attempts: 0 })],
    ["a retry whose backoff is no time", withLayer({ ...RETRY, backoff: { baseMs: 0, maxMs: 0, least: false } })],
    ["a retry without budget", withLayer({ ...RETRY, budget: {} })],
    ["a body's timeout of no time", withLayer({ kind: "body-timeout", ms: 0 })],
    ["a try of no time", withLayer({ kind: "try-timeout", ms: 0 })],
    ["a session of no rule", withLayer({ ...session, scope: undefined })],
    ["a session with a backend that is not there", withLayer({ ...session, shares: [1] })],
    ["a session by nothing", withLayer({ ...session, carrier: undefined })],
    ["a session by a header without name", withLayer({ ...session, carrier: { kind: "header" } })],
    ["a session of no time", withLayer({ ...session, idleMs: 0 })],
    ["a mirror to a backend that is not there", withLayer({ kind: "mirror", backend: 1, share: 1 })],
    ["a mirror of no share", withLayer({ kind: "mirror", backend: 0, share: 0 })],
    ["a breaker without circuit", withLayer({ ...breaker, circuit: undefined })],
    ["a breaker without probes", withLayer({ ...breaker, probes: 0 })],
  ])("%s", (_, part) => {
    expect(() => decode(JSON.stringify({ ...sound, ...part }))).toThrow(/is not as this edge reads it$/);
  });

  it("or it can be matched against, whatever was put in the place of one of its values", () => {
    const values = [...text.matchAll(/(?<=[:[,])("[^"]*"|\d+|null|\{\}|\[\])(?=[,}\]])/g)];
    fc.assert(
      fc.property(
        fc.nat(values.length - 1),
        fc.constantFrom("null", "-1", "1.5", '"x"', "[]", "{}", "[null]", "99999", "true"),
        (which, put) => {
          const at = values[which]!; // within the list
          const changed = text.slice(0, at.index) + put + text.slice(at.index + at[0].length);
          const outcome = attempt(changed);
          expect(outcome === "refused" || outcome === "no match" || Array.isArray(outcome)).toBe(true);
        },
      ),
      { numRuns: 1500, seed: 1 },
    );
  });
});

/** The layers of the rule that answers one request under the snapshot of `text`; throws only what decoding may not let through. */
function attempt(text: string): "refused" | "no match" | readonly object[] {
  let ready;
  try {
    ready = matcher(decode(text));
  } catch {
    return "refused";
  }
  const request = { method: "GET", path: "/a", header: () => "b", query: () => "1" };
  return matchHost(ready, 80, "a.shop.example", request)?.rule.layers ?? "no match";
}

describe("canonical JSON", () => {
  it("does not depend on the order of keys, and loses nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const canonical = canonicalJson(value);
        expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(canonical))).toBe(canonical);
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(canonicalJson({ b: 1, a: { d: 1, c: undefined } })).toBe('{"a":{"d":1},"b":1}');
  });

  it("keeps a key named __proto__ a key", () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1},"b":1}');
  });

  it("orders keys by code unit, as every machine does", () => {
    expect(canonicalJson({ é: 1, z: 1, Z: 1, a: 1 })).toBe('{"Z":1,"a":1,"z":1,"é":1}');
  });
});
