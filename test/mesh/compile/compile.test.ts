import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compile, type Compiled } from "../../../mesh/compile/compile.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import { canonicalJson } from "../../../mesh/canonical.ts";
import shopSnapshot from "./shop.snapshot.json" with { type: "json" };
import { EXAMPLES } from "../../support/examples.ts";
import {
  backend,
  compiled,
  front,
  rateLimitPolicy,
  resources,
  route,
  service,
  slice,
  to,
  SELVEDGE_API,
  trafficPolicy,
} from "../../support/resources.ts";

const codes = ({ problems }: Compiled): string[] =>
  problems.map(({ code, resource = "", path = "" }) => `${code} ${resource} ${path}`.trim());
const kinds = (layers: readonly Policy[] | undefined) => layers?.map(({ kind }) => kind);

/** A small shop: two pages behind one door, one of them on trial with a tenth of its traffic. */
const shop = resources(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  gatewayClassName: selvedge
  listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.shop.example"}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop, creationTimestamp: 2025-01-01T00:00:00Z}
spec:
  parentRefs: [{name: front}]
  hostnames: [www.shop.example]
  rules:
    - name: trial
      matches:
        - {path: {value: /cart/}, method: POST, headers: [{name: X-Trial, value: "yes"}]}
        - {path: {type: Exact, value: /checkout}}
      filters:
        - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Served-By, value: mesh}]}}
        - {type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: X-Page, value: cart}], remove: [X-Debug]}}
        - {type: URLRewrite, urlRewrite: {hostname: cart.internal}}
      backendRefs:
        - {name: cart, port: 80, weight: 9}
        - {group: mesh.selvedge.dev, kind: Backend, name: trial, weight: 1}
      timeouts: {request: 5s}
    - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, port: 443, statusCode: 301}}]
      matches: [{path: {value: /old}}]
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: cart-1, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: false}}]
ports: [{name: http, port: 8080}]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: {name: trial, namespace: shop}
spec: {endpoints: [{url: "https://trial.example/base/"}, {binding: SERVICE_TRIAL, weight: 2}]}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: careful, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: cart}]
  breaker: {failures: 3}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: {name: fair, namespace: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: cart, sectionName: trial}]
  limits: [{name: each, requests: 10, key: [{type: ClientAddress}]}]
`);

describe("the same resources in any order", () => {
  // Many equals, so that whatever depends on the order in which they came shows.
  const crowd = [
    ...shop,
    ...resources(
      front(),
      ...["a", "b", "c"].flatMap((name) => [
        backend(name),
        service(name, { ports: [{ port: 80 }] }),
        slice(`${name}1`, name, {
          addressType: "IPv4",
          endpoints: [{ addresses: ["10.0.0.1"] }],
          ports: [{ port: 1 }],
        }),
        slice(`${name}2`, name, {
          addressType: "IPv4",
          endpoints: [{ addresses: ["10.0.0.2"] }],
          ports: [{ port: 1 }],
        }),
        route(name, { parentRefs: [{ name: "front" }], rules: [{ backendRefs: [{ name, port: 80 }, to("gone")] }] }),
        trafficPolicy(name, { targetRefs: [{ group: "", kind: "Service", name: "a" }], timeouts: { request: "1s" } }),
        rateLimitPolicy(name, {
          targetRefs: [{ group: "", kind: "Service", name: "a" }],
          limits: [{ name: "l", requests: 1 }],
        }),
      ]),
      ...Object.values(EXAMPLES),
    ),
  ];

  it("give the same snapshot and the same problems", () => {
    const expected = compile(crowd);
    expect(expected.problems.length).toBeGreaterThan(3);
    fc.assert(
      fc.property(fc.shuffledSubarray(crowd, { minLength: crowd.length }), (shuffled) => {
        const { snapshot, problems } = compile(shuffled);
        expect(canonicalJson(snapshot)).toBe(canonicalJson(expected.snapshot));
        expect(problems).toEqual(expected.problems);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it("do so too when their keys stand in another order", () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    expect(canonicalJson(compile(reversed(crowd) as typeof crowd).snapshot)).toBe(
      canonicalJson(compile(crowd).snapshot),
    );
  });
});

it("compiles a small shop to the snapshot that is kept beside this test", () => {
  const { problems, snapshot } = compile(shop);
  expect(problems).toEqual([]);
  expect(snapshot).toEqual(shopSnapshot);
});

describe("layers stand in one order", () => {
  const target = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "shop" };
  const every = (filters: object[], refFilters: object[] = []) =>
    compiled(
      front(),
      backend("b"),
      trafficPolicy("t", { targetRefs: [target], breaker: {}, timeouts: { request: "1s" } }),
      trafficPolicy("u", {
        targetRefs: [{ group: "mesh.selvedge.dev", kind: "Backend", name: "b" }],
        timeouts: { request: "1s" },
      }),
      rateLimitPolicy("l", {
        targetRefs: [target, { group: "mesh.selvedge.dev", kind: "Backend", name: "b" }],
        limits: [{ name: "l", requests: 1 }],
      }),
      route("shop", {
        parentRefs: [{ name: "front" }],
        rules: [
          {
            filters,
            backendRefs: [to("b", { filters: refFilters })],
            retry: {},
            timeouts: { backendRequest: "1s" },
            sessionPersistence: {},
          },
        ],
      }),
    ).snapshot.rules.find(({ route }) => route === "default/shop");

  const request = { type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["a"] } };
  const response = { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: ["a"] } };
  const rewrite = { type: "URLRewrite", urlRewrite: { hostname: "a.example" } };

  const mirror = { type: "RequestMirror", requestMirror: { backendRef: to("b") } };
  const cors = { type: "CORS", cors: {} };

  it.each([
    [[request, response, rewrite, mirror, cors]],
    [[mirror, rewrite, cors, response, request]],
    [[response, rewrite, cors, mirror, request]],
  ])("whatever order the filters came in", (filters) => {
    expect(kinds(every(filters)?.layers)).toEqual([
      "deadline",
      "cors",
      "rate-limit",
      "response-headers",
      "request-headers",
      "rewrite",
      "mirror",
      "session",
    ]);
    expect(kinds(every([], filters)?.backends[0]?.layers)).toEqual([
      "deadline",
      "cors",
      "rate-limit",
      "response-headers",
      "request-headers",
      "rewrite",
      "mirror",
      "breaker",
      "retry",
      "try-timeout",
    ]);
  });
});

describe("a filter that is not carried refuses, and is not skipped", () => {
  it.each([
    { type: "ExternalAuth", externalAuth: { protocol: "HTTP", backendRef: { name: "b", port: 80 } } },
    { type: "ExtensionRef", extensionRef: { group: "example.com", kind: "Filter", name: "f" } },
  ])("$type", (filter) => {
    const refusal = [{ kind: "refuse", reason: `filter ${filter.type}` }];
    const inRule = compiled(
      front(),
      backend("b"),
      route("r", { parentRefs: [{ name: "front" }], rules: [{ filters: [filter], backendRefs: [to("b")] }] }),
    );
    expect(inRule.snapshot.rules[0]?.layers).toEqual(refusal);
    expect(codes(inRule)).toEqual(["not-carried HTTPRoute default/r spec.rules[0].filters[0]"]);
    const inRef = compiled(
      front(),
      backend("b"),
      route("r", { parentRefs: [{ name: "front" }], rules: [{ backendRefs: [to("b", { filters: [filter] })] }] }),
    );
    expect(inRef.snapshot.rules[0]?.backends[0]?.layers).toEqual(refusal);
    expect(codes(inRef)).toEqual(["not-carried HTTPRoute default/r spec.rules[0].backendRefs[0].filters[0]"]);
  });
});

describe("filters become layers", () => {
  const layer = (filter: object) =>
    compiled(front(), route("r", { parentRefs: [{ name: "front" }], rules: [{ filters: [filter] }] })).snapshot.rules[0]
      ?.layers;

  it.each<[object, Policy]>([
    [
      { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "X-A", value: "B" }], remove: ["X-C"] } },
      { kind: "request-headers", set: [{ name: "x-a", value: "B" }], add: [], remove: ["x-c"] },
    ],
    [
      { type: "RequestRedirect", requestRedirect: {} },
      { kind: "redirect", status: 302 },
    ],
    [
      {
        type: "RequestRedirect",
        requestRedirect: { hostname: "a.example", path: { type: "ReplaceFullPath", replaceFullPath: "/b" } },
      },
      { kind: "redirect", status: 302, hostname: "a.example", path: { kind: "full", to: "/b" } },
    ],
    [
      {
        type: "CORS",
        cors: { allowOrigins: ["https://*.A.example"], allowCredentials: true, allowHeaders: ["X-A"], maxAge: 60 },
      },
      {
        kind: "cors",
        origins: ["https://*.a.example"],
        credentials: true,
        methods: [],
        headers: ["x-a"],
        expose: [],
        maxAgeSeconds: 60,
      },
    ],
    [
      { type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "" } } },
      { kind: "rewrite", path: { kind: "prefix", to: "" } },
    ],
  ])("%j", (filter, expected) => {
    expect(layer(filter)).toEqual([expected]);
  });
});

describe("a mirror", () => {
  const compile = (requestMirror: object) =>
    compiled(
      front(),
      backend("a"),
      backend("b"),
      route("r", {
        parentRefs: [{ name: "front" }],
        rules: [{ filters: [{ type: "RequestMirror", requestMirror }], backendRefs: [to("a")] }],
      }),
    );

  it.each([
    [{}, 1],
    [{ percent: 20 }, 0.2],
    [{ fraction: { numerator: 25, denominator: 50 } }, 0.5],
    [{ fraction: { numerator: 3 } }, 0.03],
  ])("of %j gets its share", (share, expected) => {
    const { snapshot, problems } = compile({ backendRef: to("b"), ...share });
    const [layer] = snapshot.rules[0]?.layers ?? [];
    expect([problems, layer?.kind === "mirror" && [snapshot.backends[layer.backend]?.name, layer.share]]).toEqual([
      [],
      ["Backend/default/b", expected],
    ]);
  });

  it.each([
    ["of nothing", { backendRef: to("b"), percent: 0 }, []],
    [
      "to nowhere",
      { backendRef: to("gone") },
      ["dangling-reference HTTPRoute default/r spec.rules[0].filters[0].requestMirror.backendRef"],
    ],
  ])("%s is left out, and the rule keeps its backend", (_, requestMirror, expected) => {
    const result = compile(requestMirror);
    expect([result.snapshot.rules[0]?.layers, result.snapshot.rules[0]?.backends.length]).toEqual([[], 1]);
    expect(codes(result)).toEqual(expected);
  });
});

describe("a session", () => {
  const compile = (sessionPersistence: object) => {
    const backendRefs = [to("a", { weight: 0 }), to("b"), to("gone", { weight: 0 })];
    const rules = [{ sessionPersistence, backendRefs }];
    return compiled(front(), backend("a"), backend("b"), route("r", { parentRefs: [{ name: "front" }], rules }));
  };

  it.each<[object, object]>([
    [{}, { carrier: { kind: "cookie", permanent: false } }],
    [{ sessionName: "s" }, { carrier: { kind: "cookie", name: "s", permanent: false } }],
    [{ sessionName: "s", cookie: { name: "c" } }, { carrier: { kind: "cookie", name: "c", permanent: false } }],
    [
      { cookie: { lifetimeType: "Permanent" }, absoluteTimeout: "5m" },
      { carrier: { kind: "cookie", permanent: true }, absoluteMs: 300_000 },
    ],
    [
      { cookieConfig: { lifetimeType: "Permanent" }, absoluteTimeout: "1h", idleTimeout: "0s" },
      { carrier: { kind: "cookie", permanent: true }, absoluteMs: 3_600_000 },
    ],
    [{ idleTimeout: "10s" }, { carrier: { kind: "cookie", permanent: false }, idleMs: 10_000 }],
    [{ type: "Header", header: { name: "X-S" } }, { carrier: { kind: "header", name: "x-s" } }],
    [{ type: "Header", sessionName: "X-S" }, { carrier: { kind: "header", name: "x-s" } }],
    [{ type: "Header" }, { carrier: { kind: "header", name: "session" } }],
  ])("by %j", (sessionPersistence, expected) => {
    const [rule] = compile(sessionPersistence).snapshot.rules;
    expect(rule?.layers).toEqual([{ kind: "session", scope: "default/r/0", shares: [0, 1], ...expected }]);
    expect(rule?.backends.map(({ backend, weight }) => [backend, weight])).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });
});

describe("retries", () => {
  const ruleAlone = {
    kind: "retry",
    backend: "Backend/default/b",
    codes: [],
    serverErrors: false,
    headers: [],
    failures: ["never-sent", "reset", "timeout"],
    attempts: 1,
    backoff: { baseMs: 25, maxMs: 250, least: false },
    maxRetryAfterMs: 5000,
    largestBody: 65_536,
    budget: { percent: 20, perSecond: 10 },
  };
  const byPolicy = {
    ...ruleAlone,
    codes: [502, 503, 504],
    attempts: 2,
    budget: { percent: 10, perSecond: 0 },
  };
  const layersOf = (retry?: object, policy?: object) =>
    compiled(
      front(),
      backend("b"),
      route("r", { parentRefs: [{ name: "front" }], rules: [{ backendRefs: [to("b")], ...(retry && { retry }) }] }),
      ...(policy
        ? [trafficPolicy("p", { targetRefs: [{ group: SELVEDGE_API, kind: "Backend", name: "b" }], retry: policy })]
        : []),
    );

  it.each<[object | undefined, object | undefined, object[]]>([
    [undefined, undefined, []],
    [{}, undefined, [ruleAlone]],
    [
      { codes: [500, 503], attempts: 3, backoff: "100ms" },
      undefined,
      [{ ...ruleAlone, codes: [500, 503], attempts: 3, backoff: { baseMs: 100, maxMs: 1000, least: true } }],
    ],
    [{ attempts: 2, backoff: "0s" }, undefined, [{ ...ruleAlone, attempts: 2 }]],
    [{ attempts: 0, codes: [500] }, undefined, []],
    [undefined, {}, [byPolicy]],
    [undefined, { attempts: 0 }, []],
    [
      undefined,
      { on: ["5xx", "refused-stream"], attempts: 3 },
      [
        {
          ...byPolicy,
          codes: [],
          serverErrors: true,
          failures: ["never-sent", "reset", "timeout", "refused"],
          attempts: 3,
        },
      ],
    ],
    [
      undefined,
      {
        on: ["retriable-4xx", "retriable-status-codes", "retriable-headers", "unavailable"],
        codes: [429, 409],
        headers: [{ name: "X-Again" }],
        backoff: { base: "1s", max: "2s" },
        maxRetryAfter: "1m",
        maxBodyBytes: 10,
        budget: { percent: 50, minPerSecond: 3 },
      },
      [
        {
          ...byPolicy,
          codes: [409, 429],
          headers: [{ name: "grpc-status", value: "14" }, { name: "x-again" }],
          failures: [],
          backoff: { baseMs: 1000, maxMs: 2000, least: false },
          maxRetryAfterMs: 60_000,
          largestBody: 10,
          budget: { percent: 50, perSecond: 3 },
        },
      ],
    ],
    [{ codes: [500] }, {}, [{ ...byPolicy, codes: [502, 503, 504, 500] }]],
    [
      { attempts: 1, backoff: "1s" },
      {},
      [{ ...byPolicy, attempts: 1, backoff: { baseMs: 1000, maxMs: 10_000, least: true } }],
    ],
    [{ attempts: 0 }, {}, []],
  ])("of a rule with %j and a policy with %j", (retry, policy, expected) => {
    expect(layersOf(retry, policy).snapshot.rules[0]?.backends[0]?.layers).toEqual(expected);
  });

  it("by conditions that mean something else here are said to, and hold as far as they can", () => {
    const { problems } = layersOf(undefined, {
      on: ["connect-failure", "gateway-error", "http3-post-connect-failure"],
    });
    expect(problems.map(({ code, path }) => [code, path])).toEqual([
      ["not-carried", "spec.retry.on[0]"],
      ["not-carried", "spec.retry.on[2]"],
    ]);
  });
});

it("hangs a pattern below its folder, and marks the conditions that are patterns", () => {
  const type = "RegularExpression";
  const { snapshot, problems } = compiled(
    front(),
    backend("b"),
    route("r", {
      parentRefs: [{ name: "front" }],
      rules: [
        {
          matches: [
            { path: { type, value: "/a/[0-9]+" } },
            { path: { type, value: "/a/[0-9]+/items" }, headers: [{ type, name: "X-A", value: "b|c" }] },
            { queryParams: [{ type, name: "Q", value: ".+" }] },
          ],
          backendRefs: [to("b")],
        },
      ],
    }),
  );
  expect([problems, snapshot.listeners[0]?.hosts[""]]).toEqual([
    [],
    {
      exact: {},
      regex: {
        "/a": [
          { rule: 0, path: "/a/[0-9]+/items", headers: [{ name: "x-a", value: "b|c", regex: true }] },
          { rule: 0, path: "/a/[0-9]+" },
        ],
      },
      prefix: { "": [{ rule: 0, query: [{ name: "Q", value: ".+", regex: true }] }] },
    },
  ]);
});

it("warns once of what is wrong in a route, at however many listeners it answers", () => {
  const many = {
    gatewayClassName: "selvedge",
    listeners: [80, 81, 82].map((port) => ({ name: `l${port}`, port, protocol: "HTTP" })),
  };
  const result = compiled(
    { ...front(), spec: many },
    route("r", {
      parentRefs: [{ name: "front" }],
      rules: [
        {
          backendRefs: [to("gone")],
          filters: [{ type: "ExtensionRef", extensionRef: { group: "example.com", kind: "Filter", name: "f" } }],
        },
      ],
    }),
  );
  expect(codes(result)).toEqual([
    "dangling-reference HTTPRoute default/r spec.rules[0].backendRefs[0]",
    "not-carried HTTPRoute default/r spec.rules[0].filters[0]",
  ]);
});

describe("addresses", () => {
  const addressesOf = (...sources: object[]) =>
    Object.entries(compiled(...sources).snapshot.services).map(
      ([name, ports]) => `${name} ${ports.map(({ port }) => port).join(",")}`,
    );

  it.each<[string, object[], string[]]>([
    [
      "of a Service are its ports, the first first",
      [service("s", { ports: [{ port: 8080 }, { port: 80, name: "b" }] })],
      ["s.default 8080,80"],
    ],
    ["of a Service without ports are none", [service("s", {})], []],
    [
      "of a Service are not its ports of UDP",
      [
        service("s", {
          ports: [
            { port: 53, protocol: "UDP" },
            { port: 53, name: "b" },
          ],
        }),
      ],
      ["s.default 53"],
    ],
    ["of a Backend are port 80", [backend("b")], ["b.default 80"]],
    [
      "of a Backend are the Service's of its name",
      [backend("s"), service("s", { ports: [{ port: 8080 }] })],
      ["s.default 8080"],
    ],
    ["of a Backend whose name has a dot are none", [backend("a.b")], []],
    ["of two namespaces are apart", [backend("b"), backend("b", { namespace: "web" })], ["b.default 80", "b.web 80"]],
  ])("%s", (_, sources, expected) => {
    expect(addressesOf(...sources)).toEqual(expected);
  });
});

describe("what is said of resources that cannot take part", () => {
  it.each<[string, object[], string[]]>([
    ["nothing, of nothing", [], []],
    ["that nothing takes traffic", [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } }], ["no-traffic"]],
    ["that TCP is not carried", [EXAMPLES.TCPRoute, backend("b")], ["not-carried TCPRoute shop/a"]],
    [
      "that a ListenerSet has no Gateway",
      [EXAMPLES.ListenerSet, backend("b")],
      ["dangling-reference ListenerSet shop/a spec.parentRef"],
    ],
    [
      "which listener is not carried",
      [front({ protocol: "TLS" })],
      ["not-carried Gateway default/front spec.listeners[0].protocol"],
    ],
    [
      "nothing, of another class's listeners",
      [{ ...front(), spec: { gatewayClassName: "other", listeners: [{ name: "l", port: 80, protocol: "TLS" }] } }],
      [],
    ],
  ])("%s", (_, sources, expected) => {
    expect(codes(compiled(...sources))).toEqual(expected);
  });
});

describe("resources that were stored by an older version", () => {
  const stored = (metadata: object, spec: object = { endpoints: [{ url: "https://a.example" }] }) => ({
    apiVersion: "mesh.selvedge.dev/v1alpha1",
    kind: "Backend",
    metadata: { name: "a", namespace: "b", ...metadata },
    spec,
  });

  it.each<[string, object, string[]]>([
    [
      "with a field that is no more",
      stored({}, { endpoints: [{ url: "https://a.example", tier: "x" }] }),
      ["invalid-value Backend b/a"],
    ],
    ["of a kind that is no more", { ...stored({}), kind: "Frontend" }, ["invalid-value Frontend b/a"]],
    [
      "of a kind named as a property of every object",
      { ...stored({}), kind: "constructor" },
      ["invalid-value constructor b/a"],
    ],
    ["with a time that is none", stored({ creationTimestamp: "once" }), ["invalid-value Backend b/a"]],
    ["with no time", stored({ creationTimestamp: null }), []],
  ])("%s are reported, and the others serve", (_, resource, expected) => {
    const result = compile([resource as never, ...resources(backend("fine"))]);
    expect(codes(result)).toEqual(expected);
    expect(result.problems.every(({ severity }) => severity === "error")).toBe(true);
    expect(Object.keys(result.snapshot.services)).toContain("fine.default");
  });
});
