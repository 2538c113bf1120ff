import { exportJWK, generateKeyPair, SignJWT } from "jose";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../mesh/compile/compile.ts";
import type { LiveExplanation } from "../../mesh/explain/live.ts";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import { DEBUG_AUDIENCE, DEBUG_ISSUER } from "../../mesh/identity.ts";
import type { Jwk } from "../../mesh/key-set.ts";
import { consideredFor } from "../../workers/edge-proxy/explaining.ts";
import type { Outside } from "../../workers/edge-proxy/layer.ts";
import { newMemory } from "../../workers/edge-proxy/memory.ts";
import { proxy } from "../../workers/edge-proxy/proxy.ts";
import type { LinearRequest } from "../support/linear-match.ts";
import { hostMatch, ready } from "../support/published.ts";
import {
  authorizationPolicy,
  backendOf,
  compiled,
  front,
  GATEWAY_API,
  rateLimitPolicy,
  route,
  SELVEDGE_API,
  to,
  trafficPolicy,
} from "../support/resources.ts";
import {
  crowded,
  crowdedRequest,
  listenersAndRoutes,
  request,
  resourcesOf,
  type Tables,
} from "../support/route-tables.ts";
import { callWith } from "./layers/call.ts";

let keys: readonly Jwk[];
let sign: (claims: { readonly aud?: string; readonly iss?: string; readonly lateS?: number }) => Promise<string>;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  keys = [{ ...((await exportJWK(publicKey)) as Jwk), kid: "d1", alg: "ES256" }];
  sign = ({ aud = DEBUG_AUDIENCE, iss = DEBUG_ISSUER, lateS = 60 }) =>
    new SignJWT()
      .setProtectedHeader({ alg: "ES256", kid: "d1" })
      .setIssuer(iss)
      .setAudience(aud)
      .setSubject("ada")
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + lateS)
      .sign(privateKey);
});

describe("what is said of candidates agrees with the match", () => {
  const count = { taken: 0, none: 0 };
  const agree = ({ listeners, routes }: Tables, requests: readonly LinearRequest[]): void => {
    const table = ready(compile(resourcesOf(listeners, routes)).snapshot);
    for (const { port, host, method, path, headers, query } of requests) {
      const subject = {
        method,
        path,
        header: (name: string) => headers[name] ?? null,
        query: (name: string) => query[name] ?? null,
      };
      const match = hostMatch(table, port, host, subject);
      const considered = consideredFor(table, { port, caller: "" }, { kind: "host", host, path }, subject);
      const takers = considered.filter(({ because }) => because === null);
      expect(takers.map(({ route: taken, rule }) => `${taken} ${rule}`)).toEqual(
        match ? [`${match.rule.route} ${match.rule.rule}`] : [],
      );
      if (match) expect(considered.at(-1)).toBe(takers[0]);
      count[match ? "taken" : "none"]++;
    }
  };
  const requests = (one: typeof request) => fc.array(one, { minLength: 20, maxLength: 20 });

  it("in tables of any kind", () => {
    fc.assert(fc.property(listenersAndRoutes, requests(request), agree), { numRuns: 250 });
    expect(Math.min(count.taken, count.none)).toBeGreaterThan(500);
  });

  it("in long lists", () => {
    const before = count.taken;
    fc.assert(fc.property(crowded, requests(crowdedRequest), agree), { numRuns: 50 });
    expect(count.taken - before).toBeGreaterThan(200);
  });
});

const ref = (name: string) => ({ targetRefs: [{ group: GATEWAY_API, kind: "HTTPRoute", name }] });
const two = (name: string) =>
  backendOf(name, { endpoints: [{ url: `http://${name}-0.internal` }, { url: `http://${name}-1.internal` }] });
const of = (name: string) => ({ targetRefs: [{ group: SELVEDGE_API, kind: "Backend", name }] });
const mesh = () =>
  ready(
    compiled(
      front(),
      ...["v1", "v2", "slow"].map(two),
      route("split", {
        parentRefs: [{ name: "front" }],
        rules: [
          {
            name: "weights",
            matches: [{ path: { value: "/split" } }],
            backendRefs: [
              { ...to("v1"), weight: 3 },
              { ...to("v2"), weight: 1 },
            ],
          },
          { name: "posts", matches: [{ path: { value: "/split" }, method: "POST" }], backendRefs: [to("v2")] },
          {
            name: "canary",
            matches: [{ path: { value: "/split" }, headers: [{ name: "x-canary", value: "1" }] }],
            backendRefs: [to("v2")],
          },
        ],
      }),
      route("limited", {
        parentRefs: [{ name: "front" }],
        rules: [{ matches: [{ path: { value: "/limited" } }], backendRefs: [to("slow")] }],
      }),
      rateLimitPolicy("limited", {
        ...ref("limited"),
        limits: [{ name: "all", requests: 5, window: "1s", mode: "local" }],
      }),
      authorizationPolicy("closed", {
        ...ref("split"),
        action: "DENY",
        rules: [{ to: [{ operation: { paths: ["/split/admin"] } }] }],
      }),
      trafficPolicy("v1", {
        ...of("v1"),
        retry: { on: ["5xx", "connect-failure", "reset"], attempts: 3, backoff: { base: "1ms", max: "1ms" } },
        breaker: { failures: 20, openFor: "100ms" },
        loadBalancing: { strategy: "LeastRequest" },
      }),
      trafficPolicy("v2", { ...of("v2"), loadBalancing: { strategy: "RoundRobin" } }),
    ).snapshot,
  );

const away = (): Promise<never> => Promise.reject(new Error("the object is away"));

/** An edge in this process, whose services answer by chance, and what was sent to them for the request in hand. */
function edge(outside: Partial<Outside> = {}) {
  const memory = newMemory("i1");
  const sent: string[] = [];
  let calls = 100;
  const { outside: base } = callWith(
    {
      random: Math.random,
      debugKeys: async () => ({ keys }),
      hostPreserving: () => undefined,
      breaker: () => ({ report: away, probe: away }),
      fetch: async (url) => {
        sent.push(new URL(url).origin);
        // Now and then nothing works for a while, so that circuits open.
        if (++calls % 1000 < 60) return new Response("", { status: 500 });
        if (Math.random() < 0.1) throw new Error("Network connection lost.");
        return new Response("", { status: Math.random() < 0.2 ? 503 : 200 });
      },
      ...outside,
    },
    { memory },
  );
  const run = proxy(mesh(), { epoch: 7, hash: "h" });
  const ingress = { scheme: "http", port: 80, domain: "mesh.internal", workload: "", caller: "", client: "192.0.2.1" };
  return {
    memory,
    ask: async (path: string, init: RequestInit = {}) => {
      sent.length = 0;
      const asked = new Request(`http://shop.test${path}`, init);
      const response = await run(
        asked as never,
        new URL(asked.url),
        base,
        { ...ingress, scheme: "http", trustedProxies: 0 },
        async () => false,
      );
      const text = response.headers.get(MESH_HEADERS.explanation);
      return { response, sent: [...sent], live: text === null ? undefined : (JSON.parse(text) as LiveExplanation) };
    },
  };
}

const REQUESTS = 10_000;
describe("an explanation", () => {
  it(`agrees with what the edge did, in ${REQUESTS} requests`, async () => {
    const { ask } = edge();
    const token = await sign({ lateS: 280 });
    const among = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)]!;
    const seen = new Set<string>();
    for (let n = 0; n < REQUESTS; n++) {
      const path = among([
        "/split",
        "/split/a",
        "/split/admin",
        "/limited",
        "/none",
        "/split/%2e%2e/x",
        "/split/a%2fb",
      ]);
      const headers = { [MESH_HEADERS.debug]: token, ...(Math.random() < 0.3 && { "x-canary": among(["0", "1"]) }) };
      const method = among(["GET", "GET", "POST"]);
      const { response, sent, live } = await ask(path, { method, headers });
      const told = live!; // the token is good
      const tries = told.steps.filter(({ by }) => by === "try");
      // Where it went, in order, and how often.
      expect(tries.map(({ facts }) => facts.endpoint)).toEqual(sent);
      expect(told.attempts).toBe(sent.length || (told.backend === null ? 0 : 1));
      expect([told.status, told.cause]).toEqual([response.status, response.headers.get(MESH_HEADERS.cause)]);
      expect(told.epoch).toBe(7);
      const taker = told.considered.find(({ because }) => because === null);
      expect([taker?.route ?? null, taker?.rule ?? null]).toEqual([told.route, told.rule]);
      const weights = (told.steps[0]?.facts.weights ?? []) as { readonly backend: string; readonly drawn?: true }[];
      expect(weights.find(({ drawn }) => drawn)?.backend ?? null).toBe(told.backend);
      // Who refused, if nobody was asked.
      const refusing = told.steps.filter(({ outcome }) => outcome.startsWith("refuses"));
      const refused = told.cause !== null && told.route !== null && sent.length === 0;
      expect(refusing.some(({ outcome }) => outcome === `refuses: ${told.cause}`)).toBe(refused);
      expect(told.steps.filter(({ within }) => within < 0).map(({ by }) => by)).toEqual(["rule"]);
      seen.add(`${told.status} ${told.cause ?? ""}${sent.length > 1 ? " retried" : ""}`);
    }
    // All that can become of them has become of some.
    expect([...seen].toSorted()).toEqual(
      expect.arrayContaining([
        "200 ",
        "200  retried",
        "403 forbidden",
        "404 no-route",
        "429 rate-limited",
        "503 ",
        "503 breaker-open",
      ]),
    );
  }, 120_000);

  it("tells a denial's policy, rule and clause", async () => {
    const { ask } = edge();
    const { live } = await ask("/split/admin", { headers: { [MESH_HEADERS.debug]: await sign({}) } });
    const { facts, outcome } = live!.steps.find(({ by }) => by === "authorize")!;
    expect(outcome).toBe("refuses: forbidden");
    expect(facts.groups).toMatchObject([{ allowed: false, policy: "default/closed", action: "DENY" }]);
    expect(live!.askedBy).toBe("ada");
  });

  it("stays within what a response can carry", async () => {
    const { ask } = edge();
    const { response, live } = await ask(`/split/${"x".repeat(6000)}é`, {
      headers: { [MESH_HEADERS.debug]: await sign({}) },
    });
    expect(live!.path).toContain("xxx");
    expect(response.headers.get(MESH_HEADERS.explanation)).toMatch(/^[\x20-\x7e]{1,10000}$/);
  });
});

describe("a debug header that is not good is not heard, and changes nothing", () => {
  it.each([
    ["no token at all", async () => "yes"],
    ["one that has expired", () => sign({ lateS: -120 })],
    ["one for somebody else", () => sign({ aud: "spiffe://mesh.internal/edge" })],
    ["one of another issuer", () => sign({ iss: "spiffe://mesh.internal" })],
    ["one with a changed signature", async () => `${(await sign({})).slice(0, -8)}AAAAAAAA`],
  ])("%s", async (_what, token) => {
    const { ask } = edge({ fetch: async () => new Response("fine") });
    const { response, live } = await ask("/split", { headers: { [MESH_HEADERS.debug]: await token() } });
    expect(live).toBeUndefined();
    expect([response.status, await response.text()]).toEqual([200, "fine"]);
  });

  it("however many come, keys are asked for once a second", async () => {
    let asked = 0;
    const { ask, memory } = edge({ debugKeys: async () => ({ keys: (asked++, []) }) });
    const headers = { [MESH_HEADERS.debug]: await sign({}) };
    for (let n = 0; n < 50; n++) await ask("/split", { headers });
    expect(asked).toBe(1);
    memory.debugKeys = { ...memory.debugKeys, askAt: 0 };
    await ask("/split", { headers });
    expect(asked).toBe(2);
  });

  it("reaches no service", async () => {
    let got: Headers | undefined;
    const { ask } = edge({
      fetch: async (_url, init) => {
        got = new Headers(init.headers as HeadersInit);
        return new Response("", { headers: { [MESH_HEADERS.explanation]: "{}" } });
      },
    });
    const { live } = await ask("/split", { headers: { [MESH_HEADERS.debug]: "forged" } });
    expect(got?.has(MESH_HEADERS.debug)).toBe(false);
    expect(live).toBeUndefined();
  });
});

it("rules that share a backend share what is learnt of its endpoints", async () => {
  const { ask, memory } = edge();
  await ask("/split", { method: "POST" });
  const [name] = memory.groups.keys();
  const group = memory.groups.get(name!);
  await ask("/split", { headers: { "x-canary": "1" } });
  expect(memory.groups.get(name!)).toBe(group);
});
