import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failureOf } from "../../../mesh/candidates.ts";
import { compile } from "../../../mesh/compile/compile.ts";
import { type Asked, explain } from "../../../mesh/explain/explain.ts";
import type { LinearRequest } from "../../support/linear-match.ts";
import { hostMatch, ready, serviceMatch } from "../../support/published.ts";
import {
  backend,
  compiled,
  front,
  rateLimitPolicy,
  route,
  service,
  to,
  trafficPolicy,
} from "../../support/resources.ts";
import { listenersAndRoutes, request, resourcesOf } from "../../support/route-tables.ts";

type Given = Partial<Asked> & { readonly url?: string; readonly headers?: Record<string, string> };

/** As the command line asks. */
function asked({ url: text = "http://shop.example/", headers = {}, ...more }: Given): Asked {
  const url = new URL(text);
  const urlPort = Number(url.port) || undefined;
  return {
    method: "GET",
    scheme: url.protocol === "https:" ? "https" : "http",
    host: url.host,
    hostname: url.hostname,
    pathname: url.pathname,
    search: url.search,
    urlPort,
    port: urlPort ?? (url.protocol === "https:" ? 443 : 80),
    gateway: "",
    caller: "",
    domain: "mesh.example",
    header: (name) => headers[name] ?? null,
    query: (name) => url.searchParams.get(name),
    ...more,
  };
}

const NEAREST = 10;
describe("explain picks what match picks", () => {
  const subject = ({ method, path, headers, query }: LinearRequest) => ({
    method,
    path,
    header: (name: string) => headers[name] ?? null,
    query: (name: string) => query[name] ?? null,
  });

  it.each([1, 2, 3])("at listeners, on the cases of seed %i", (seed) => {
    const count = { taken: 0, none: 0, passedOver: 0 };
    fc.assert(
      fc.property(
        listenersAndRoutes,
        fc.array(request, { minLength: 20, maxLength: 20 }),
        ({ listeners, routes }, requests) => {
          const found = compile(resourcesOf(listeners, routes));
          const table = ready(found.snapshot);
          for (const one of requests) {
            const { path, ...rest } = subject(one);
            const entry = { ...asked({}), ...rest, hostname: one.host, pathname: path, port: one.port };
            const { taker, passedOver, omitted, answer } = explain(found, entry, Infinity);
            const match = hostMatch(table, one.port, one.host, subject(one));
            const rule = taker && found.snapshot.rules[taker.candidate.rule];
            expect(rule && [rule.route, rule.rule]).toEqual(match && [match.rule.route, match.rule.rule]);
            expect(taker?.kind === "prefix" ? taker.path : undefined).toBe(match?.prefix);
            for (const passed of passedOver) expect(failureOf(passed, subject(one))).toEqual(passed.because);
            expect([omitted, taker === undefined]).toEqual([0, answer?.cause === "no-route"]);
            expect(taker?.origin === undefined).toBe(taker === undefined);
            count[taker ? "taken" : "none"]++;
            count.passedOver += passedOver.length;
          }
        },
      ),
      { numRuns: 300, seed },
    );
    expect(Math.min(...Object.values(count))).toBeGreaterThan(700);
  });

  it("at services, for callers with routes of their own and others", () => {
    const parentRefs = [{ group: "", kind: "Service", name: "cart", namespace: "default" }];
    const rules = ["/a", "/b"].map((value) => ({ matches: [{ path: { value } }], backendRefs: [] }));
    const found = compiled(
      service("cart", { ports: [{ port: 80 }, { port: 81 }] }),
      backend("cart"),
      route("producer", { parentRefs: [{ ...parentRefs[0], port: 80 }], rules }),
      route("consumer", { parentRefs, rules: rules.slice(1) }, { namespace: "web" }),
    );
    const table = ready(found.snapshot);
    for (const port of [undefined, 80, 81, 82])
      for (const caller of ["", "web", "default", "constructor"])
        for (const path of ["/a", "/b", "/c"]) {
          const url = `http://edge.example/~cart.default${port === undefined ? "" : `:${port}`}${path}`;
          const { taker } = explain(found, asked({ url, caller }), NEAREST);
          const plain = { method: "GET", path, header: () => null, query: () => null };
          const match = serviceMatch(table, "cart.default", port, caller, plain);
          expect([url, caller, taker && `${taker.route} ${taker.rule}`]).toEqual([
            url,
            caller,
            match && `${match.rule.route} ${match.rule.rule}`,
          ]);
          expect(taker?.origin === undefined).toBe(taker === undefined);
        }
  });
});

const parentRefs = [{ name: "front" }];
const shop = (...rules: object[]) => route("shop", { parentRefs, rules });
const explained = (given: Given, ...sources: object[]) => explain(compiled(...sources), asked(given), NEAREST);

describe("what was passed over", () => {
  const prefix = (value: string, more: object = {}) => ({
    matches: [{ path: { value }, ...more }],
    backendRefs: [to("b")],
  });
  const sources = [
    front(),
    backend("b"),
    shop(
      prefix("/a", { method: "POST" }),
      prefix("/a", { headers: [{ name: "X", value: "1" }], queryParams: [{ name: "q", value: "1" }] }),
      prefix("/a", { queryParams: [{ type: "RegularExpression", name: "q", value: "[0-9]" }] }),
      prefix("/a/b"),
      prefix("/"),
    ),
  ];

  it.each<[given: Given, taker: string | undefined, passedOver: unknown[]]>([
    [
      { url: "http://x/a" },
      "4",
      [
        ["3", { by: "path" }],
        ["0", { by: "method", wanted: "POST", given: "GET" }],
        ["1", { by: "header", wanted: { name: "x", value: "1" }, given: null }],
        ["2", { by: "query", wanted: { name: "q", value: "[0-9]", regex: true }, given: null }],
      ],
    ],
    [
      { url: "http://x/a?q=2", headers: { x: "1" } },
      "2",
      [
        ["3", { by: "path" }],
        ["0", { by: "method", wanted: "POST", given: "GET" }],
        ["1", { by: "query", wanted: { name: "q", value: "1" }, given: "2" }],
      ],
    ],
    [{ url: "http://x/a/b/c" }, "3", []],
    [{ url: "http://x/a/b/c", method: "POST" }, "3", []],
  ])("by %j", (given, taker, passedOver) => {
    const found = explained(given, ...sources);
    expect([found.taker?.rule, found.passedOver.map(({ rule, because }) => [rule, because])]).toEqual([
      taker,
      passedOver,
    ]);
  });

  it("is told of the nearest only, and of the rest how many", () => {
    const many = ["/cart", "/carp", "/c", "/x", "/y"].map((value) => prefix(value));
    const found = explain(compiled(front(), backend("b"), shop(...many)), asked({ url: "http://x/car" }), 2);
    expect(found.passedOver.map((one) => one.path)).toEqual(["/carp", "/cart"]);
    expect(found.omitted).toBe(3);
  });
});

describe("whom a request is for", () => {
  const sources = [
    front({ hostname: "*.shop.example" }),
    backend("b"),
    service("cart", { ports: [{ port: 8080 }] }),
    route("shop", { parentRefs, rules: [{ backendRefs: [to("b")] }] }),
  ];

  it.each<[url: string, more: Given, expected: string]>([
    ["http://a.shop.example/", {}, "listener *.shop.example"],
    ["http://a.shop.example:8787/", { port: 80 }, "listener *.shop.example"],
    ["http://a.shop.example:8787/", {}, "no-route: no listener at port 8787: listeners are at 80"],
    ["http://other.example/", {}, "no-route: no listener at port 80 has this host"],
    ["http://cart.default.mesh.example/", {}, "service cart.default"],
    ["http://edge.example/~cart.default:8080/x", {}, "service cart.default"],
    ["http://cart.default:8080/x", {}, "service cart.default"],
    ["http://cart.default/x", {}, "service cart.default"],
    ["http://b.default/x", {}, "service b.default"],
    ["http://cart.default:81/x", {}, "no-route: cart.default has no port 81, only 8080"],
    ["http://gone.default.mesh.example/", {}, "no-route: there is no service gone.default"],
    ["http://a.shop.example/~cart.default/", {}, "listener *.shop.example"],
    [
      "http://a.shop.example/",
      { gateway: "default/other" },
      "no-route: no listener at port 80: there are no listeners",
    ],
  ])("%s (%j): %s", (url, more, expected) => {
    const { reached, taker, answer } = explained({ url, ...more }, ...sources);
    const at = reached.kind === "host" ? `listener ${reached.listener?.hostname}` : `service ${reached.service}`;
    expect(taker ? at : `${answer?.cause}: ${answer?.why}`).toBe(expected);
  });
});

describe("which policies hold", () => {
  const GATEWAY = "gateway.networking.k8s.io";
  const at = (kind: string, name: string, more: object = {}) => ({
    targetRefs: [{ group: kind === "Service" ? "" : kind === "Backend" ? "mesh.selvedge.dev" : GATEWAY, kind, name }],
    ...more,
  });
  const older = { creationTimestamp: "2024-01-01T00:00:00Z" };

  it("says where each came from, and what goes before those that lost", () => {
    const { policies } = explained(
      {},
      front(),
      backend("b"),
      shop({ name: "all", retry: { attempts: 2 }, backendRefs: [to("b")] }),
      trafficPolicy("wide", at("Gateway", "front", { timeouts: { request: "9s" }, breaker: {} })),
      trafficPolicy("own", at("HTTPRoute", "shop", { timeouts: { request: "2s" } }), older),
      trafficPolicy("younger", at("HTTPRoute", "shop", { timeouts: { request: "3s" } })),
      trafficPolicy("elsewhere", at("Gateway", "front", { timeouts: { request: "1s" } })),
      rateLimitPolicy("limit", at("Backend", "b", { limits: [{ name: "l", requests: 1 }] })),
    );
    const own = "TrafficPolicy default/own at HTTPRoute default/shop";
    expect(policies.map((one) => [one.policy, one.section, one.target, one.holds, one.lostTo])).toEqual([
      ["HTTPRoute default/shop", "retry", "rule all", true, undefined],
      ["RateLimitPolicy default/limit", undefined, "Backend default/b", true, undefined],
      ["TrafficPolicy default/wide", "breaker", "Gateway default/front", true, undefined],
      ["TrafficPolicy default/own", "timeouts", "HTTPRoute default/shop", true, undefined],
      ["TrafficPolicy default/younger", "timeouts", "HTTPRoute default/shop", false, own],
      ["TrafficPolicy default/elsewhere", "timeouts", "Gateway default/front", false, own],
      ["TrafficPolicy default/wide", "timeouts", "Gateway default/front", false, own],
    ]);
  });

  it("of a Service without routes, too", () => {
    const { policies, taker } = explained(
      { url: "http://cart.default/" },
      service("cart", { ports: [{ port: 80 }] }),
      backend("cart"),
      trafficPolicy("p", at("Service", "cart", { timeouts: { request: "2s" } })),
    );
    expect(taker?.origin?.kind).toBe("own");
    expect(policies.map(({ policy, target, holds }) => [policy, target, holds])).toEqual([
      ["TrafficPolicy default/p", "Service default/cart", true],
    ]);
  });
});

describe("what becomes of the request", () => {
  const answerTo = (rule: object, given: Given = {}) => {
    const { answer, shares } = explained({ url: "http://x/old/1?q=1", ...given }, front(), backend("b"), shop(rule));
    return { answer, shares };
  };
  const backendRefs = [to("b")];
  const rewrite = (more: object) => ({ type: "URLRewrite", urlRewrite: more });
  const toPrefix = (replacePrefixMatch: string) => ({ path: { type: "ReplacePrefixMatch", replacePrefixMatch } });
  const matches = [{ path: { value: "/old" } }];
  const cors = { type: "CORS", cors: { allowOrigins: ["https://a.example"] } };
  const preflight = (origin: string) => ({
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "PUT" },
  });

  it.each<[name: string, rule: object, given: Given, answer: object]>([
    [
      "a redirect",
      { matches, filters: [{ type: "RequestRedirect", requestRedirect: { statusCode: 301, ...toPrefix("/new") } }] },
      {},
      { status: 301, location: "http://x/new/1?q=1" },
    ],
    [
      "a filter that cannot be carried out",
      { filters: [{ type: "ExtensionRef", extensionRef: { group: "g", kind: "K", name: "n" } }], backendRefs },
      {},
      { status: 500, cause: "not-carried" },
    ],
    ["no backend", {}, {}, { status: 500, cause: "no-backend" }],
    ["weights of nothing", { backendRefs: [to("b", { weight: 0 })] }, {}, { status: 500, cause: "no-backend" }],
    ["no rule", { matches: [{ path: { value: "/new" } }] }, {}, { status: 404, cause: "no-route" }],
    [
      "a method that no rule can help",
      { backendRefs },
      { method: "TRACE" },
      { status: 501, cause: "method-not-carried" },
    ],
    ["a preflight", { filters: [cors], backendRefs }, preflight("https://a.example"), { status: 204 }],
    [
      "a preflight of another origin",
      { filters: [cors], backendRefs },
      preflight("https://b.example"),
      { status: 204 },
    ],
  ])("%s", (_, rule, given, answer) => {
    expect(answerTo(rule, given).answer).toMatchObject(answer);
  });

  it("upstream, where the mesh does not answer", () => {
    const set = { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "X-A", value: "1" }] } };
    const rule = {
      matches,
      filters: [rewrite({ hostname: "in.example", ...toPrefix("/new") })],
      backendRefs: [to("b", { weight: 3, filters: [set] }), to("gone")],
    };
    const { answer, shares } = answerTo(rule);
    expect(answer).toBeUndefined();
    expect(shares).toEqual([
      {
        backend: "Backend/default/b",
        weight: 3,
        share: 0.75,
        endpoints: [{ url: "https://b.internal/new/1?q=1", weight: 1 }],
        layers: ["request-headers"],
        sees: {
          path: "/new/1?q=1",
          host: "in.example",
          headers: [{ set: [{ name: "x-a", value: "1" }], add: [], remove: [] }],
        },
      },
      expect.objectContaining({ backend: null, share: 0.25, answer: expect.objectContaining({ status: 500 }) }),
    ]);
  });

  it("at a Service that nothing answers for", () => {
    const { shares } = explained({ url: "http://cart.default/" }, service("cart", { ports: [{ port: 80 }] }));
    expect(shares[0]?.answer).toMatchObject({ status: 503, cause: "no-endpoint" });
  });
});
