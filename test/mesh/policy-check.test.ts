import { describe, expect, it } from "vitest";
import { checkBackends } from "../../mesh/backend-check.ts";
import { checkLayers } from "../../mesh/policy-check.ts";

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

describe("a layer that a request would trip over is refused", () => {
  it("and a sound one is not", () => {
    const sound = [
      { kind: "rate-limit", limits: [limit] },
      breaker,
      cors,
      session,
      authorizeBy(clause),
      authenticateBy({}),
    ];
    expect(checkLayers(sound, 1)).toBe(sound);
  });

  it.each<[string, unknown]>([
    ["an assertion to nobody", { kind: "assert", trustDomain: "mesh" }],
    ["groups of policies that are none", { kind: "authorize", groups: "x" }],
    ["a retry without codes", { ...RETRY, codes: undefined }],
    ["a retry of no attempt", { ...RETRY, attempts: 0 }],
    ["a retry whose backoff is no time", { ...RETRY, backoff: { baseMs: 0, maxMs: 0, least: false } }],
    [
      "stale answers without a bound",
      { kind: "stale-serve", scope: "r", maxBytes: 1, collapse: "never", callerHeaders: [] },
    ],
    [
      "a comparison without a bound",
      { kind: "mirror", backend: 0, share: 1, compare: { rule: "r", headers: [], ignore: [] } },
    ],
    ["a hedge without a share", { kind: "hedge", scope: "r", percentile: 0.95, leastMs: 5 }],
    ["a fault without an end", { kind: "fault", headers: [] }],
    ["a fault of no share", { kind: "fault", until: 1, headers: [], reset: {} }],
    ["a retry without budget", { ...RETRY, budget: {} }],
    ["a body's timeout of no time", { kind: "body-timeout", ms: 0 }],
    ["a clause about nothing", authorizeBy({ ...clause, of: {} })],
    ["a clause about something unknown", authorizeBy({ ...clause, of: { kind: "weather" } })],
    ["an action that is none", authorizeBy(clause, "CUSTOM")],
    ["a block of addresses that is none", authorizeBy({ ...clause, of: { kind: "ip" }, values: ["x"] })],
    ["a condition that is none", authorizeBy({ ...clause, of: { kind: "condition" }, values: ["a =="] })],
    ["a provider without keys", authenticateBy({ keys: {} })],
    ["a provider without places", authenticateBy({ from: [null] })],
    ["a layer that is null", null],
    ["a layer that this edge does not know", { kind: "authorize" }],
    ["a layer named as a property of every object", { kind: "constructor" }],
    ["a deadline without time", { kind: "deadline" }],
    ["a deadline of no time", { kind: "deadline", ms: 0 }],
    ["a rate limit without limits", { kind: "rate-limit" }],
    ["a rate limit without window", { kind: "rate-limit", limits: [{ ...limit, windowMs: 0 }] }],
    ["a rate limit without key", { kind: "rate-limit", limits: [{ ...limit, key: undefined }] }],
    [
      "a rate limit of a cost that is none",
      { kind: "rate-limit", limits: [{ ...limit, cost: { kind: "expression", text: "1 +" } }] },
    ],
    [
      "a rate limit that counts what this edge cannot",
      { kind: "rate-limit", limits: [{ ...limit, cost: { kind: "heat" } }] },
    ],
    [
      "a rate limit with an exemption that is none",
      { kind: "rate-limit", limits: [{ ...limit, exempt: [{ of: { kind: "mood" }, path: "p", values: ["a"] }] }] },
    ],
    ["a rate limit that lends nothing on credit", { kind: "rate-limit", limits: [{ ...limit, credit: 0 }] }],
    [
      "a rate limit by what this edge does not know",
      { kind: "rate-limit", limits: [{ ...limit, key: [{ type: "Mood" }] }] },
    ],
    ["header changes without set", { kind: "request-headers", add: [], remove: [] }],
    ["header changes that remove numbers", { kind: "response-headers", set: [], add: [], remove: [1] }],
    ["a redirect without status", { kind: "redirect" }],
    ["a rewrite to an unknown kind of path", { kind: "rewrite", path: { kind: "regex", to: "/" } }],
    ["a refusal without reason", { kind: "refuse" }],
    ["a CORS policy without origins", { ...cors, origins: undefined }],
    ["a CORS policy whose methods are numbers", { ...cors, methods: [1] }],
    ["a CORS policy without age", { ...cors, maxAgeSeconds: 0 }],
    ["a try of no time", { kind: "try-timeout", ms: 0 }],
    ["a session of no rule", { ...session, scope: undefined }],
    ["a session with a backend that is not there", { ...session, shares: [1] }],
    ["a session by nothing", { ...session, carrier: undefined }],
    ["a session by a header without name", { ...session, carrier: { kind: "header" } }],
    ["a session of no time", { ...session, idleMs: 0 }],
    ["a mirror to a backend that is not there", { kind: "mirror", backend: 1, share: 1 }],
    ["a mirror of no share", { kind: "mirror", backend: 0, share: 0 }],
    ["a breaker without circuit", { ...breaker, circuit: undefined }],
    ["a breaker without probes", { ...breaker, probes: 0 }],
  ])("%s", (_, layer) => {
    expect(() => checkLayers([layer], 1)).toThrow(/is not as this edge reads it$/);
  });

  it("and so are layers that are no list", () => {
    expect(() => checkLayers({}, 1)).toThrow("layers is not as this edge reads it");
  });
});

describe("a backend that cannot be called is refused", () => {
  const one = { name: "Backend/a/b", endpoints: [{ kind: "url", origin: "https://a", path: "", weight: 1 }] };

  it("and a sound one is not", () => {
    expect(checkBackends([one])).toEqual([one]);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["one without endpoints", { name: "a" }],
    ["an endpoint of unknown kind", { ...one, endpoints: [{ kind: "socket", weight: 1 }] }],
    ["an endpoint without origin", { ...one, endpoints: [{ kind: "url", path: "", weight: 1 }] }],
    ["an endpoint of weight 0", { ...one, endpoints: [{ kind: "binding", binding: "A", weight: 0 }] }],
  ])("%s", (_, backend) => {
    expect(() => checkBackends([one, backend])).toThrow(/is not as this edge reads it$/);
  });
});
