import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compile } from "../../mesh/compile/compile.ts";
import { listenersOf, type Match, type Subject } from "../../mesh/match.ts";
import { linearMatch, type LinearRequest, type LinearRoute } from "../support/linear-match.ts";
import { hostMatch, ready, serviceMatch } from "../support/published.ts";
import { backend, compiled, gateway, route, service, to } from "../support/resources.ts";
import { crowded, crowdedRequest, listenersAndRoutes, request, resourcesOf } from "../support/route-tables.ts";

const subject = ({
  method,
  path,
  headers,
  query,
}: Pick<LinearRequest, "method" | "path" | "headers" | "query">): Subject => ({
  method,
  path,
  header: (name) => headers[name] ?? null,
  query: (name) => query[name] ?? null,
});

const shown = (match: Match | undefined): string | undefined => match && `${match.rule.route} ${match.rule.rule}`;

describe("match agrees with the specification read rule by rule", () => {
  it.each([
    { seed: 1, of: "all kinds", tables: listenersAndRoutes, requests: request, runs: 600 },
    { seed: 2, of: "all kinds", tables: listenersAndRoutes, requests: request, runs: 600 },
    { seed: 3, of: "all kinds", tables: listenersAndRoutes, requests: request, runs: 600 },
    { seed: 4, of: "many rules of one path", tables: crowded, requests: crowdedRequest, runs: 300 },
  ])("on the cases of seed $seed, $of", ({ seed, tables, requests: asked, runs }) => {
    let matched = 0;
    let refused = 0;
    fc.assert(
      fc.property(tables, fc.array(asked, { minLength: 20, maxLength: 20 }), ({ listeners, routes }, requests) => {
        const table = ready(compile(resourcesOf(listeners, routes)).snapshot);
        for (const one of requests) {
          const expected = linearMatch(listeners, routes, one);
          expect(shown(hostMatch(table, one.port, one.host, subject(one)))).toBe(expected);
          if (expected === undefined) refused++;
          else matched++;
        }
      }),
      { numRuns: runs, seed },
    );
    // Or the cases would prove little.
    expect(Math.min(matched, refused)).toBeGreaterThan(1500);
  });
});

type Given = {
  host?: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  query?: Record<string, string>;
};

/** Which of the named routes answers; each is a list of matches, in the order of their age. */
function answering(
  routes: Record<string, object>,
  given: Given,
  listeners: object[] = [{ name: "http", port: 80, protocol: "HTTP" }],
) {
  const { snapshot } = compiled(
    gateway("front", { gatewayClassName: "selvedge", listeners }),
    backend("b"),
    ...Object.entries(routes).map(([name, spec], index) =>
      route(
        name,
        { parentRefs: [{ name: "front" }], rules: [{ backendRefs: [to("b")] }], ...spec },
        { creationTimestamp: `2024-01-0${index + 1}T00:00:00Z` },
      ),
    ),
  );
  const { host = "shop.example", method = "GET", path = "/", headers = {}, query = {} } = given;
  return hostMatch(ready(snapshot), 80, host, subject({ method, path, headers, query }));
}

const rulesOf = (...matches: object[]) => ({ rules: [{ matches }] });
const prefix = (value: string, more: object = {}) => ({ path: { type: "PathPrefix", value }, ...more });
const exact = (value: string, more: object = {}) => ({ path: { type: "Exact", value }, ...more });
const has = (...names: string[]) => names.map((name) => ({ name, value: "1" }));

describe("precedence", () => {
  const given: Given = { path: "/a/b", headers: { x: "1", y: "1" }, query: { q: "1", r: "1" } };

  it.each([
    [
      "an exact path before a prefix with every condition",
      exact("/a/b"),
      prefix("/a/b", { method: "GET", headers: has("x", "y") }),
    ],
    ["a longer prefix before a shorter one with a method", prefix("/a/b"), prefix("/a", { method: "GET" })],
    ["a method before headers", prefix("/a", { method: "GET" }), prefix("/a", { headers: has("x", "y") })],
    [
      "more headers before fewer with query",
      prefix("/a", { headers: has("x", "y") }),
      prefix("/a", { headers: has("x"), queryParams: has("q", "r") }),
    ],
    [
      "one header before two of query",
      prefix("/a", { headers: has("x") }),
      prefix("/a", { queryParams: has("q", "r") }),
    ],
    [
      "more of query before fewer",
      prefix("/a", { queryParams: has("q", "r") }),
      prefix("/a", { queryParams: has("q") }),
    ],
  ])("%s, whichever is older", (_, winner, loser) => {
    expect(answering({ older: rulesOf(loser), younger: rulesOf(winner) }, given)?.rule.route).toBe("default/younger");
    expect(answering({ older: rulesOf(winner), younger: rulesOf(loser) }, given)?.rule.route).toBe("default/older");
  });

  it("between equals, the older route, whatever its name", () => {
    expect(answering({ zebra: rulesOf(prefix("/a")), apple: rulesOf(prefix("/a")) }, given)?.rule.route).toBe(
      "default/zebra",
    );
  });

  it("between equals of one age, the first by namespace/name as one text", () => {
    const one = (namespace: string): LinearRoute => ({ namespace, name: "r", hostnames: [], rules: [{ matches: [] }] });
    const routes = ready(compile(resourcesOf([{ name: "l", port: 80 }], [one("a"), one("a-b")])).snapshot);
    expect(shown(hostMatch(routes, 80, "x", subject({ method: "GET", path: "/", headers: {}, query: {} })))).toBe(
      "a-b/r 0",
    );
  });

  it("between equals of one route, the first rule", () => {
    const both = {
      rules: [{ matches: [prefix("/a", { headers: has("x") })] }, { matches: [prefix("/a", { headers: has("y") })] }],
    };
    expect(answering({ shop: both }, given)?.rule.rule).toBe("0");
  });
});

describe("a prefix", () => {
  it.each<[value: string, path: string, prefix: string | undefined]>([
    ["/", "/", ""],
    ["/", "/anything/at/all", ""],
    ["/cart", "/cart", "/cart"],
    ["/cart", "/cart/", "/cart"],
    ["/cart", "/cart/items", "/cart"],
    ["/cart", "/cartoon", undefined],
    ["/cart", "/car", undefined],
    ["/cart", "/Cart", undefined],
    ["/cart", "/a/cart", undefined],
    ["/cart/", "/cart", "/cart"],
    ["/cart/", "/cart/items", "/cart"],
    ["/cart/items", "/cart", undefined],
    ["/cart", "//cart", undefined],
    ["/cart", `/cart${"/a".repeat(4000)}`, "/cart"],
    ["/cart", `/cart${"a".repeat(4000)}`, undefined],
  ])("%s of %s is %s", (value, path, found) => {
    expect(answering({ shop: rulesOf(prefix(value)) }, { path })?.prefix).toBe(found);
  });
});

describe("an exact path", () => {
  it.each([
    ["/cart", "/cart", true],
    ["/cart", "/cart/", false],
    ["/cart/", "/cart", false],
    ["/cart/", "/cart/", true],
    ["/", "/", true],
    ["/", "/a", false],
  ])("%s against %s", (value, path, found) => {
    const match = answering({ shop: rulesOf(exact(value)) }, { path });
    expect([match !== undefined, match?.prefix]).toEqual([found, undefined]);
  });
});

describe("a pattern", () => {
  const regex = (value: string, more: object = {}) => ({ path: { type: "RegularExpression", value }, ...more });

  it.each([
    ["/cart/[0-9]+", "/cart/12", true],
    ["/cart/[0-9]+", "/cart/12/x", false],
    ["/cart/[0-9]+", "/x/cart/12", false],
    ["/cart(/.*)?", "/cart", true],
    ["/cart(/.*)?", "/cartoon", false],
    ["/car|/cart", "/cart", true],
    ["^/cart$", "/cart", true],
    ["^/a|^/b", "/b", true],
    ["(?i)/CART", "/cart", true],
    [".*[.]png", "/deep/er/a.png", true],
    ["/a/+", "/a/", true],
    ["/a/b/", "/a/b/", true],
    ["/a/b/?c?", "/a/b", true],
    [`/a{100}`, `/${"a".repeat(100)}`, true],
  ])("%s of the whole path %s: %s", (value, path, found) => {
    const match = answering({ shop: rulesOf(regex(value)) }, { path });
    expect([match !== undefined, match?.prefix]).toEqual([found, undefined]);
  });

  it.each([
    ["an exact path before a pattern", exact("/a/b"), regex("/a/b.*", { method: "GET" })],
    ["a pattern before any prefix", regex("/.*"), prefix("/a/b", { method: "GET" })],
    ["of patterns, that of the deepest folder", regex("/a/.*"), regex("/[abcdefgh]+/.*", { method: "GET" })],
    ["in one folder, the longest", regex("/a/[bcd]"), regex("/a/.*", { method: "GET" })],
    ["of equal length, one with a method", regex("/a/.", { method: "GET" }), regex("/./b", {})],
  ])("gives way to what is narrower: %s", (_, winner, loser) => {
    const given: Given = { path: "/a/b" };
    expect(answering({ older: rulesOf(loser), younger: rulesOf(winner) }, given)?.rule.route).toBe("default/younger");
  });

  it("of a header or of the query matches its whole value, and never an absent one", () => {
    const type = "RegularExpression";
    const both = { headers: [{ type, name: "X", value: "v[0-9]*" }], queryParams: [{ type, name: "q", value: ".*" }] };
    const found = (given: Given) => answering({ shop: rulesOf(both) }, given) !== undefined;
    expect(found({ headers: { x: "v12" }, query: { q: "" } })).toBe(true);
    expect(found({ headers: { x: "v12b" }, query: { q: "" } })).toBe(false);
    expect(found({ headers: { x: "v12" } })).toBe(false);
  });
});

describe("hosts", () => {
  const narrow = { hostnames: ["a.shop.example"], rules: [{ matches: [prefix("/a")] }] };
  const middle = { hostnames: ["*.shop.example"], rules: [{ matches: [prefix("/b")] }] };
  const wide = { hostnames: ["*.example"], rules: [{ matches: [prefix("/c")] }] };
  const any = rulesOf(prefix("/d"));

  it.each([
    ["a.shop.example", "/a", "narrow"],
    ["a.shop.example", "/b", "middle"],
    ["a.shop.example", "/c", "wide"],
    ["a.shop.example", "/d", "any"],
    ["a.shop.example", "/e", undefined],
    ["shop.example", "/b", undefined],
    ["shop.example", "/c", "wide"],
    ["x.y.shop.example", "/b", "middle"],
    ["example", "/c", undefined],
    ["example", "/d", "any"],
    ["", "/d", "any"],
    [`${"a.".repeat(8000)}example`, "/d", "any"],
  ])("%s%s falls through to %s", (host, path, name) => {
    const found = answering({ any, wide, middle, narrow }, { host, path })?.rule.route;
    expect(found).toBe(name && `default/${name}`);
  });

  it("of the more specific route win over the better path of a wider one", () => {
    const both = {
      wide: { hostnames: ["*.example"], ...rulesOf(exact("/a")) },
      narrow: { hostnames: ["shop.example"] },
    };
    expect(answering(both, { path: "/a" })?.rule.route).toBe("default/narrow");
  });
});

describe("listeners", () => {
  const listeners = [
    { name: "any", port: 80, protocol: "HTTP" },
    { name: "wide", port: 80, protocol: "HTTP", hostname: "*.example" },
    { name: "narrow", port: 80, protocol: "HTTP", hostname: "shop.example" },
  ];
  const at = (sectionName: string, match: object) => ({
    parentRefs: [{ name: "front", sectionName }],
    ...rulesOf(match),
  });

  it.each([
    ["shop.example", "/any", undefined],
    ["shop.example", "/wide", undefined],
    ["shop.example", "/narrow", "narrow"],
    ["other.example", "/wide", "wide"],
    ["other.example", "/any", undefined],
    ["example", "/any", "any"],
  ])("have their hosts to themselves: %s%s", (host, path, name) => {
    const routes = {
      any: at("any", prefix("/any")),
      wide: at("wide", prefix("/wide")),
      narrow: at("narrow", prefix("/narrow")),
    };
    expect(answering(routes, { host, path }, listeners)?.rule.route).toBe(name && `default/${name}`);
  });
});

describe("conditions", () => {
  it.each<[string, object, Given, boolean]>([
    [
      "of one header name, the first counts",
      {
        headers: [
          { name: "x", value: "1" },
          { name: "X", value: "2" },
        ],
      },
      { headers: { x: "1" } },
      true,
    ],
    [
      "of one header name, the second does not",
      {
        headers: [
          { name: "x", value: "1" },
          { name: "X", value: "2" },
        ],
      },
      { headers: { x: "2" } },
      false,
    ],
    [
      "of one query name, the first counts",
      {
        queryParams: [
          { name: "q", value: "1" },
          { name: "q", value: "2" },
        ],
      },
      { query: { q: "1" } },
      true,
    ],
    [
      "of query names in two cases, both count",
      {
        queryParams: [
          { name: "q", value: "1" },
          { name: "Q", value: "2" },
        ],
      },
      { query: { q: "1" } },
      false,
    ],
    ["of several headers all must hold", { headers: has("x", "y") }, { headers: { x: "1" } }, false],
    [
      "of header names are read in any case",
      { headers: [{ name: "X-Version", value: "2" }] },
      { headers: { "x-version": "2" } },
      true,
    ],
    ["of header values are exact", { headers: has("x") }, { headers: { x: "10" } }, false],
    ["of a method", { method: "POST" }, { method: "GET" }, false],
  ])("%s", (_, match, given, found) => {
    expect(answering({ shop: rulesOf(match) }, given) !== undefined).toBe(found);
  });
});

describe("a service address", () => {
  const { snapshot } = compiled(
    service("cart", { ports: [{ port: 80 }, { port: 9090 }] }),
    backend("b"),
    route("r", {
      parentRefs: [{ group: "", kind: "Service", name: "cart", port: 9090 }],
      rules: [{ matches: [prefix("/a")], backendRefs: [to("b")] }],
    }),
  );
  const routes = ready(snapshot);

  it.each<[string, number | undefined, string, string | undefined]>([
    ["cart.default", undefined, "/x", "default/cart "],
    ["cart.default", 80, "/x", "default/cart "],
    ["cart.default", 9090, "/a", "default/r 0"],
    ["cart.default", 9090, "/x", undefined],
    ["cart.default", 81, "/a", undefined],
    ["b.default", undefined, "/x", "default/b "],
    ["gone.default", undefined, "/x", undefined],
    ["constructor", undefined, "/x", undefined],
    ["__proto__", undefined, "/x", undefined],
  ])("%s at %s%s is answered by %s", (name, port, path, expected) => {
    expect(shown(serviceMatch(routes, name, port, "", subject({ method: "GET", path, headers: {}, query: {} })))).toBe(
      expected,
    );
  });
});

describe("an edge takes the listeners of its Gateway", () => {
  const listenersOfTwo = [{ name: "l", port: 80, protocol: "HTTP" }];
  const at = (name: string, hostname?: string) =>
    gateway(name, {
      gatewayClassName: "selvedge",
      listeners: [{ ...listenersOfTwo[0], ...(hostname && { hostname }) }],
    });
  const answers = (name: string, path: string, parent: string) =>
    route(name, { parentRefs: [{ name: parent }], rules: [{ matches: [prefix(path)], backendRefs: [to("b")] }] });
  const { snapshot } = compiled(
    backend("b"),
    at("one"),
    at("two"),
    at("three", "*.x"),
    answers("first", "/a", "one"),
    answers("second", "/b", "two"),
    answers("third", "/c", "three"),
  );
  const asked = (scope: string, host: string, path: string) =>
    shown(hostMatch(ready(snapshot, scope), 80, host, subject({ method: "GET", path, headers: {}, query: {} })));

  it.each<[scope: string, host: string, path: string, expected: string | undefined]>([
    ["", "any", "/a", "default/first 0"],
    ["", "any", "/b", "default/second 0"],
    ["", "a.x", "/c", "default/third 0"],
    ["", "a.x", "/a", undefined],
    ["default/one", "any", "/a", "default/first 0"],
    ["default/one", "any", "/b", undefined],
    // The narrower listener is another Gateway's, and takes nothing from this one.
    ["default/one", "a.x", "/a", "default/first 0"],
    ["default/two", "any", "/b", "default/second 0"],
    ["default/three", "any", "/c", undefined],
    ["default/three", "a.x", "/c", "default/third 0"],
    ["default/none", "any", "/a", undefined],
  ])("%j: %s%s is answered by %s", (scope, host, path, expected) => {
    expect(asked(scope, host, path)).toBe(expected);
  });

  it("in whatever order a snapshot has them", () => {
    const reversed = { ...snapshot, listeners: snapshot.listeners.toReversed() };
    expect(listenersOf(reversed, "default/one")).toEqual(listenersOf(snapshot, "default/one"));
    expect(listenersOf(reversed, "").toReversed()).toEqual(listenersOf(snapshot, ""));
  });
});

describe("a consumer's routes", () => {
  const parentRefs = [{ group: "", kind: "Service", name: "cart", namespace: "default" }];
  const home = { group: "", kind: "Service", name: "cart", namespace: "default", port: 80 };
  const { snapshot, problems } = compiled(
    service("cart", { ports: [{ port: 80 }] }),
    backend("cart"),
    route("producer", { parentRefs, rules: [{ matches: [prefix("/a"), prefix("/b")], backendRefs: [home] }] }),
    route("consumer", { parentRefs, rules: [{ matches: [prefix("/a")], backendRefs: [home] }] }, { namespace: "web" }),
  );
  const routes = ready(snapshot);

  it("may send on to their Service without a grant", () => {
    expect(problems).toEqual([]);
    expect(snapshot.rules.flatMap(({ backends }) => backends.map((one) => one.backend))).not.toContain(null);
  });

  it("needs a grant where a Gateway leads to it as well", () => {
    const both = route(
      "both",
      { parentRefs: [...parentRefs, { name: "front" }], rules: [{ backendRefs: [home] }] },
      { namespace: "web" },
    );
    const listeners = [{ name: "l", port: 80, protocol: "HTTP" }];
    const { snapshot } = compiled(
      service("cart", { ports: [{ port: 80 }] }),
      gateway("front", { gatewayClassName: "selvedge", listeners }, { namespace: "web" }),
      both,
    );
    const everything = subject({ method: "GET", path: "/", headers: {}, query: {} });
    const routes = ready(snapshot);
    const answering = [
      hostMatch(routes, 80, "any", everything),
      serviceMatch(routes, "cart.default", 80, "web", everything),
    ];
    expect(answering.map((match) => match?.rule.backends[0]?.backend === null)).toEqual([true, false]);
  });

  it.each<[caller: string, path: string, expected: string | undefined]>([
    ["web", "/a", "web/consumer 0"],
    // They stand in for the producer's whole: nothing falls through.
    ["web", "/b", undefined],
    ["", "/a", "default/producer 0"],
    ["shop", "/b", "default/producer 0"],
    ["default", "/a", "default/producer 0"],
  ])("for a caller from %j, %s is answered by %s", (caller, path, expected) => {
    const asked = subject({ method: "GET", path, headers: {}, query: {} });
    expect(shown(serviceMatch(routes, "cart.default", 80, caller, asked))).toBe(expected);
  });
});
