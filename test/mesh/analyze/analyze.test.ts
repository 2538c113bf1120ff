import { describe, expect, it } from "vitest";
import { analyze } from "../../../mesh/analyze/analyze.ts";
import {
  backend,
  compiled,
  front,
  gateway,
  route,
  service,
  slice,
  to,
  trafficPolicy,
} from "../../support/resources.ts";

const parentRefs = [{ name: "front" }];
const backendRefs = [to("b")];
const base = [front(), backend("b")];
const prefix = (value: string) => ({ path: { type: "PathPrefix", value } });
const regex = (value: string) => ({ path: { type: "RegularExpression", value } });
const rule = (...matches: object[]) => ({ matches, backendRefs });
const shop = (...rules: object[]) => route("shop", { parentRefs, rules });

/** As `code Kind namespace/name path`, with what is said of it. */
const found = (...sources: object[]): string[] =>
  analyze(compiled(...sources)).map(
    ({ code, resource = "", path = "", message, witness }) =>
      `${code} ${resource} ${path}: ${message}${witness ? ` [${witness}]` : ""}`,
  );

describe("rules that no request reaches", () => {
  it.each<[name: string, rules: object[], expected: string[]]>([
    ["none, where each has something", [rule(prefix("/a")), rule(prefix("/b")), rule()], []],
    [
      "a prefix that stands twice",
      [rule(prefix("/a")), rule(prefix("/a/"))],
      ["rules[1]: no request reaches this rule: rule 0 of HTTPRoute default/shop takes it [GET http://any/a/any]"],
    ],
    [
      "one whose conditions only add to those of one before it",
      [rule({ method: "GET" }), rule({ ...prefix("/"), method: "GET" })],
      ["rules[1]: no request reaches this rule: rule 0 of HTTPRoute default/shop takes it [GET http://any/any]"],
    ],
    ["a header more goes before fewer", [rule({}), rule({ headers: [{ name: "x", value: "1" }] })], []],
    [
      "one whose every method is another's",
      [
        ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => rule({ method })),
        rule({ headers: [{ name: "x", value: "1" }] }),
      ],
      [
        "rules[7]: no request reaches this rule: rule 0 of HTTPRoute default/shop takes it [GET http://any/any -H 'x: 1']",
      ],
    ],
    [
      "a prefix beneath an expression for everything",
      [rule(prefix("/a")), rule(regex("/a(/.*)?"))],
      ["rules[0]: no request reaches this rule: rule 1 of HTTPRoute default/shop takes it [GET http://any/a/any]"],
    ],
    ["not a prefix of which an expression leaves the folder itself", [rule(prefix("/a")), rule(regex("/a/.*"))], []],
    [
      "an expression that stands twice",
      [
        rule(regex("/v[0-9]+")),
        rule({ ...regex("/v[0-9]+"), queryParams: [{ name: "q", value: "a&b" }] }),
        rule(regex("/v[0-9]+")),
      ],
      ["rules[2]: no request reaches this rule: rule 0 of HTTPRoute default/shop takes it [GET http://any/v0]"],
    ],
    ["not what only seems so", [rule(regex("/[ab]")), rule(regex("/[bc]"))], []],
  ])("%s", (_, rules, expected) => {
    expect(found(...base, shop(...rules))).toEqual(
      expected.map((one) => `unreachable-rule HTTPRoute default/shop spec.${one}`),
    );
  });

  it("with a request that can be typed", () => {
    const query = { queryParams: [{ name: "q", value: "a&b c" }], headers: [{ name: "x", value: "it's" }] };
    expect(found(...base, shop(rule(query), rule(query)))[0]).toContain(
      String.raw`[GET http://any/any?q=a%26b%20c -H 'x: it'\''s']`,
    );
  });

  it("since a closer listener has the host", () => {
    const listeners = [
      { name: "any", port: 80, protocol: "HTTP" },
      { name: "wide", port: 80, protocol: "HTTP", hostname: "*.example" },
    ];
    const lost = route("lost", {
      parentRefs: [{ name: "front", sectionName: "any" }],
      hostnames: ["a.example"],
      rules: [rule()],
    });
    const other = route("other", { parentRefs: [{ name: "front", sectionName: "wide" }], rules: [rule(prefix("/x"))] });
    expect(found(gateway("front", { gatewayClassName: "selvedge", listeners }), backend("b"), lost, other)).toEqual([
      "unreachable-rule HTTPRoute default/lost spec.rules[0]: no request reaches this rule: the host is that of listener hostname *.example, where no rule there takes it [GET http://a.example/any]",
    ]);
  });

  it("of the routes of a Service", () => {
    const parentRefs = [{ group: "", kind: "Service", name: "b", namespace: "default" }];
    const twice = { parentRefs, rules: [rule(), rule()] };
    const cart = service("b", { ports: [{ port: 8080 }] });
    expect(found(cart, backend("b"), route("own", twice))[0]).toContain("[GET http://b.default:8080/any]");
    const consumer = route("own", { ...twice, rules: [{}, {}] }, { namespace: "web" });
    expect(found(cart, backend("b"), consumer).find((one) => one.startsWith("unreachable"))).toContain(
      "[GET http://b.default:8080/any --from web]",
    );
  });
});

describe("matches that decide nothing", () => {
  it("at one of a route's hosts", () => {
    const older = route(
      "older",
      { parentRefs, hostnames: ["a.x"], rules: [rule()] },
      { creationTimestamp: "2024-01-01T00:00:00Z" },
    );
    const younger = route("younger", { parentRefs, hostnames: ["a.x", "b.x"], rules: [rule()] });
    expect(found(...base, older, younger)).toEqual([
      "shadowed-match HTTPRoute default/younger spec.rules[0].matches[0]: this match decides nothing at a.x:80: rule 0 of HTTPRoute default/older takes it [GET http://a.x/any]",
    ]);
  });

  it("of a rule that has others", () => {
    expect(found(...base, shop(rule(prefix("/a")), rule(prefix("/b"), prefix("/a"))))).toEqual([
      "shadowed-match HTTPRoute default/shop spec.rules[1].matches[1]: this match decides nothing at *:80: rule 0 of HTTPRoute default/shop takes it [GET http://any/a/any]",
    ]);
  });

  it("but not where the rule itself takes what it leaves", () => {
    expect(found(...base, shop(rule(prefix("/a"), prefix("/a"))))).toEqual([]);
  });

  it("nor on an edge of all Gateways, where one of its own Gateway's does", () => {
    const same = (name: string) =>
      gateway(name, { gatewayClassName: "selvedge", listeners: [{ name: "l", port: 80, protocol: "HTTP" }] });
    const of = (name: string) => route(`r-${name}`, { parentRefs: [{ name }], rules: [rule()] });
    expect(found(backend("b"), same("one"), same("two"), of("one"), of("two"))).toEqual([
      "shared-hostname Gateway default/two spec.listeners[0]: port 80 and any host are also those of listener l of Gateway default/one: an edge of all Gateways answers by the routes of both",
    ]);
  });
});

describe("everything else", () => {
  const timed = (more: object) => shop({ backendRefs, ...more });
  const cart = (spec: object = {}) =>
    service("cart", {
      ports: [
        { name: "a", port: 80 },
        { name: "b", port: 81 },
      ],
      ...spec,
    });

  it.each<[name: string, sources: object[], expected: string[]]>([
    [
      "a hostname that no listener serves",
      [
        front({ hostname: "*.x" }),
        backend("b"),
        route("shop", { parentRefs, hostnames: ["a.x", "a.y"], rules: [rule()] }),
      ],
      ["unserved-hostname HTTPRoute default/shop spec.hostnames[1]: no listener of its parents serves a.y"],
    ],
    [
      "weights of nothing",
      [...base, shop({ backendRefs: [to("b", { weight: 0 })] })],
      ["no-weight HTTPRoute default/shop spec.rules[0].backendRefs: every weight is 0: this rule answers 500"],
    ],
    ["not one weight of nothing", [...base, shop({ backendRefs: [to("b", { weight: 0 }), to("b")] })], []],
    [
      "a rule that sends nowhere",
      [front(), shop({})],
      ["no-backends HTTPRoute default/shop spec.rules[0]: this rule sends nowhere: it answers 500"],
    ],
    ["not a redirect", [front(), shop({ filters: [{ type: "RequestRedirect", requestRedirect: {} }] })], []],
    [
      "a Service without endpoints at one port",
      [
        cart(),
        slice("s", "cart", {
          addressType: "IPv4",
          ports: [{ name: "a", port: 80 }],
          endpoints: [{ addresses: ["10.0.0.1"] }],
        }),
      ],
      ["no-endpoints Service default/cart spec.ports[1]: nothing answers at port 81: requests get 503"],
    ],
    ["not a Service of a Backend's name", [cart(), backend("cart")], []],
    [
      "not a Service whose routes send elsewhere",
      [
        cart(),
        backend("b"),
        route("r", { parentRefs: [{ group: "", kind: "Service", name: "cart" }], rules: [rule()] }),
      ],
      [],
    ],
    [
      "a Gateway without routes",
      [front()],
      ["no-routes Gateway default/front spec.listeners: no route attaches: every request gets 404"],
    ],
    [
      "a listener without routes",
      [
        gateway("front", {
          gatewayClassName: "selvedge",
          listeners: [80, 81].map((port) => ({ name: `l${port}`, port, protocol: "HTTP" })),
        }),
        backend("b"),
        route("shop", { parentRefs: [{ name: "front", port: 80 }], rules: [rule()] }),
      ],
      ["no-routes Gateway default/front spec.listeners[1]: no route attaches to listener l81: its requests get 404"],
    ],
    [
      "not a Gateway of another class",
      [backend("b"), gateway("front", { gatewayClassName: "other", listeners: [] })],
      [],
    ],
    [
      "a policy that says nothing",
      [backend("b"), trafficPolicy("p", { targetRefs: [{ group: "mesh.selvedge.dev", kind: "Backend", name: "b" }] })],
      ["empty-policy TrafficPolicy default/p spec: has targets and no section: it changes nothing"],
    ],
    [
      "retries of which the last are never made",
      [...base, timed({ timeouts: { request: "2s", backendRequest: "1s" }, retry: { attempts: 3, backoff: "100ms" } })],
      [
        "retry-exceeds-timeout HTTPRoute default/shop spec.rules[0].retry: 4 tries of 1000 ms each with 700 ms of waits take 4700 ms, and the request has 2000 ms: the last are never made",
      ],
    ],
    [
      "retries that just fit",
      [...base, timed({ timeouts: { request: "4s", backendRequest: "1s" }, retry: { attempts: 3 } })],
      [],
    ],
    [
      "waits alone that are too long, by a policy's time",
      [
        ...base,
        timed({ retry: { attempts: 2, backoff: "1s" } }),
        trafficPolicy("p", {
          targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "front" }],
          timeouts: { request: "2s" },
        }),
      ],
      [
        "retry-exceeds-timeout HTTPRoute default/shop spec.rules[0].retry: 3 tries with 3000 ms of waits take 3000 ms, and the request has 2000 ms: the last are never made",
      ],
    ],
    ["not retries without a time", [...base, timed({ retry: { attempts: 100, backoff: "9s" } })], []],
    [
      "an older version",
      [...base, { ...shop(rule()), apiVersion: "gateway.networking.k8s.io/v1beta1" }],
      ["deprecated HTTPRoute default/shop apiVersion: gateway.networking.k8s.io/v1beta1 has been superseded"],
    ],
  ])("%s", (_, sources, expected) => {
    expect(found(...sources)).toEqual(expected);
  });
});
