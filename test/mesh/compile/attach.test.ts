import { describe, expect, it } from "vitest";
import { intersect } from "../../../mesh/compile/attach.ts";
import type { Compiled } from "../../../mesh/compile/compile.ts";
import type { RouteTable } from "../../../mesh/snapshot.ts";
import {
  backend,
  compiled,
  front,
  gateway,
  gatewayClass,
  namespace,
  route,
  service,
  to,
} from "../../support/resources.ts";

/** `port hostname -> host` of every table that a route reached. */
const attached = ({ snapshot }: Compiled): string[] =>
  snapshot.listeners.flatMap(({ port, hostname, hosts }) =>
    Object.keys(hosts).map((host) => `${port} ${hostname || "any"} -> ${host || "any"}`),
  );

/** Of routes and what they attach to: what a Service's own fields come to is another test's subject. */
const codes = ({ problems }: Compiled): string[] =>
  problems.filter(({ resource = "" }) => !resource.startsWith("Service")).map(({ code, path }) => `${code} ${path}`);

const shop = (spec: object = {}, metadata: object = {}) =>
  route(
    "shop",
    { parentRefs: [{ name: "front", namespace: "default" }], rules: [{ backendRefs: [to("b")] }], ...spec },
    metadata,
  );

describe("a hostname intersection", () => {
  it.each<[listener: string | undefined, routes: string[], expected: string[]]>([
    [undefined, [], [""]],
    [undefined, ["a.example", "*.b.example"], ["a.example", "*.b.example"]],
    [undefined, ["a.example", "a.example"], ["a.example"]],
    ["a.example", [], ["a.example"]],
    ["*.example", [], ["*.example"]],
    ["a.example", ["a.example"], ["a.example"]],
    ["a.example", ["b.example"], []],
    ["a.example", ["*.example"], ["a.example"]],
    ["a.b.example", ["*.example"], ["a.b.example"]],
    ["a.b.example", ["*.example", "*.b.example"], ["a.b.example"]],
    ["example", ["*.example"], []],
    ["*.example", ["example"], []],
    ["*.example", ["a.example", "a.b.example"], ["a.example", "a.b.example"]],
    ["*.example", ["*.example"], ["*.example"]],
    ["*.example", ["*.a.example"], ["*.a.example"]],
    ["*.a.example", ["*.example"], ["*.a.example"]],
    ["*.a.example", ["*.b.example"], []],
    ["*.example", ["badexample", "a.example.org"], []],
    ["*.le", ["a.example"], []],
  ])("of listener %s and routes %j is %j", (listener, routes, expected) => {
    expect(intersect(listener, routes)).toEqual(expected);
  });
});

describe("a route attaches by class", () => {
  const of = (gatewayClassName: string) =>
    gateway("front", { gatewayClassName, listeners: [{ name: "http", port: 80, protocol: "HTTP" }] });
  const ours = gatewayClass("ours", { controllerName: "mesh.selvedge.dev/edge" });
  const theirs = gatewayClass("theirs", { controllerName: "example.com/other" });

  it.each([
    ["the built-in one", "selvedge", ["80 any -> any"], []],
    ["one with our controller", "ours", ["80 any -> any"], []],
    ["one with another controller", "theirs", [], ["not-attached spec.parentRefs[0]"]],
    ["one that is not there", "gone", [], ["not-attached spec.parentRefs[0]"]],
  ])("%s", (_, name, tables, problems) => {
    const result = compiled(of(name), ours, theirs, shop(), backend("b"));
    expect([attached(result), codes(result)]).toEqual([tables, problems]);
  });
});

describe("a parentRef", () => {
  const twoDoors = gateway("front", {
    gatewayClassName: "selvedge",
    listeners: [
      { name: "web", port: 80, protocol: "HTTP" },
      { name: "admin", port: 8080, protocol: "HTTP", hostname: "admin.example" },
      { name: "tls", port: 443, protocol: "HTTPS" },
      { name: "raw", port: 9000, protocol: "TCP" },
      { name: "through", port: 9443, protocol: "HTTPS", tls: { mode: "Passthrough" } },
    ],
  });

  it.each([
    [
      "without section and port takes all that carry HTTP",
      {},
      ["80 any -> any", "443 any -> any", "8080 admin.example -> admin.example"],
      [],
    ],
    ["by section", { sectionName: "admin" }, ["8080 admin.example -> admin.example"], []],
    ["by port", { port: 443 }, ["443 any -> any"], []],
    ["by section and port", { sectionName: "web", port: 80 }, ["80 any -> any"], []],
    ["by section and another's port", { sectionName: "web", port: 443 }, [], ["not-attached spec.parentRefs[0]"]],
    ["by a section that is not there", { sectionName: "gone" }, [], ["not-attached spec.parentRefs[0]"]],
    ["by a port that is not there", { port: 81 }, [], ["not-attached spec.parentRefs[0]"]],
    ["to a listener of TCP", { sectionName: "raw" }, [], ["not-permitted spec.parentRefs[0]"]],
    ["to a listener that passes TLS through", { sectionName: "through" }, [], ["not-permitted spec.parentRefs[0]"]],
    ["to a Gateway that is not there", { name: "gone" }, [], ["dangling-reference spec.parentRefs[0]"]],
    [
      "to a Gateway of another namespace that is not there",
      { namespace: "away" },
      [],
      ["dangling-reference spec.parentRefs[0]"],
    ],
    ["to a Service that is not there", { group: "", kind: "Service" }, [], ["dangling-reference spec.parentRefs[0]"]],
    ["to a kind that takes no routes", { group: "", kind: "Pod" }, [], ["not-carried spec.parentRefs[0]"]],
    ["to a Gateway of no group", { group: "", kind: "Gateway" }, [], ["not-carried spec.parentRefs[0]"]],
  ])("%s", (_, parent, tables, problems) => {
    const result = compiled(twoDoors, shop({ parentRefs: [{ name: "front", ...parent }] }), backend("b"));
    const ofRoute = codes(result).filter((problem) => !problem.includes("protocol"));
    expect([attached(result), ofRoute]).toEqual([tables, problems]);
  });

  it("is left out, and the others hold, where one of several cannot", () => {
    const result = compiled(
      twoDoors,
      shop({ parentRefs: [{ name: "gone" }, { name: "front", sectionName: "web" }] }),
      backend("b"),
    );
    expect([attached(result), codes(result).slice(-1)]).toEqual([
      ["80 any -> any"],
      ["dangling-reference spec.parentRefs[0]"],
    ]);
  });
});

describe("a listener's allowedRoutes", () => {
  const selector = (given: object) => ({ namespaces: { from: "Selector", selector: given } });
  const spaces = [namespace("default", { team: "core" }), namespace("web", { team: "web", tier: "front" })];

  it.each<[string, object | undefined, own: boolean, web: boolean]>([
    ["when absent, are those of its namespace", undefined, true, false],
    ["from Same", { namespaces: { from: "Same" } }, true, false],
    ["from All", { namespaces: { from: "All" } }, true, true],
    ["from None", { namespaces: { from: "None" } }, false, false],
    ["by an empty selector", selector({}), true, true],
    ["by label", selector({ matchLabels: { team: "web" } }), false, true],
    ["by two labels", selector({ matchLabels: { team: "web", tier: "back" } }), false, false],
    ["by the label of the name", selector({ matchLabels: { "kubernetes.io/metadata.name": "web" } }), false, true],
    ["by In", selector({ matchExpressions: [{ key: "team", operator: "In", values: ["core", "x"] }] }), true, false],
    ["by NotIn", selector({ matchExpressions: [{ key: "team", operator: "NotIn", values: ["core"] }] }), false, true],
    [
      "by NotIn of a label that neither has",
      selector({ matchExpressions: [{ key: "no", operator: "NotIn", values: ["a"] }] }),
      true,
      true,
    ],
    ["by Exists", selector({ matchExpressions: [{ key: "tier", operator: "Exists" }] }), false, true],
    ["by DoesNotExist", selector({ matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }), true, false],
    [
      "by Exists of a label named as a property of every object",
      selector({ matchExpressions: [{ key: "constructor", operator: "Exists" }] }),
      false,
      false,
    ],
    ["of the kind HTTPRoute", { namespaces: { from: "All" }, kinds: [{ kind: "HTTPRoute" }] }, true, true],
    ["of another kind", { namespaces: { from: "All" }, kinds: [{ kind: "TCPRoute" }] }, false, false],
    [
      "of a kind of another group",
      { namespaces: { from: "All" }, kinds: [{ group: "example.com", kind: "HTTPRoute" }] },
      false,
      false,
    ],
  ])("%s", (_, allowedRoutes, own, web) => {
    const door = front(allowedRoutes ? { allowedRoutes } : {});
    const reaches = (space: string) => attached(compiled(door, ...spaces, shop({}, { namespace: space }))).length > 0;
    expect([reaches("default"), reaches("web")]).toEqual([own, web]);
  });

  it("are the reason that is given", () => {
    expect(codes(compiled(front(), shop({}, { namespace: "web" })))).toEqual(["not-permitted spec.parentRefs[0]"]);
  });
});

it("says when no hostname of the route is within the listener's", () => {
  const result = compiled(front({ hostname: "*.a.example" }), shop({ hostnames: ["b.example"] }), backend("b"));
  expect([attached(result), codes(result)]).toEqual([[], ["not-attached spec.parentRefs[0]"]]);
});

it("keeps a listener without routes, so that its host does not fall to a wider one", () => {
  const { snapshot } = compiled(front({ hostname: "a.example" }));
  expect(snapshot.listeners).toEqual([{ gateways: ["default/front"], port: 80, hostname: "a.example", hosts: {} }]);
});

describe("a route attaches to a Service", () => {
  const cart = service("cart", {
    ports: [
      { name: "http", port: 80 },
      { name: "admin", port: 9090 },
      { name: "dns", port: 53, protocol: "UDP" },
    ],
  });
  const routed = (parent: object, metadata: object = {}) =>
    compiled(
      cart,
      backend("b"),
      shop({ parentRefs: [{ group: "", kind: "Service", name: "cart", namespace: "default", ...parent }] }, metadata),
    );
  const ports = ({ snapshot }: Compiled) =>
    (snapshot.services["cart.default"] ?? []).map(({ port, table }) => {
      const rule = snapshot.rules[table.prefix[""]?.[0]?.rule ?? -1];
      return `${port} by ${rule?.route} ${rule?.rule}`;
    });

  it.each([
    ["at every port of HTTP", {}, ["80 by default/shop 0", "9090 by default/shop 0"], []],
    ["at the port it names", { port: 9090 }, ["80 by default/cart ", "9090 by default/shop 0"], []],
    [
      "at the port whose name is its section",
      { sectionName: "http" },
      ["80 by default/shop 0", "9090 by default/cart "],
      [],
    ],
    [
      "at no port where name and number differ",
      { sectionName: "http", port: 9090 },
      ["80 by default/cart ", "9090 by default/cart "],
      ["not-attached spec.parentRefs[0]"],
    ],
    [
      "at no port of UDP",
      { port: 53 },
      ["80 by default/cart ", "9090 by default/cart "],
      ["not-attached spec.parentRefs[0]"],
    ],
  ])("%s", (_, parent, expected, problems) => {
    const result = routed(parent);
    expect([ports(result), codes(result)]).toEqual([expected, problems]);
  });

  it("in another namespace for the callers of that namespace alone", () => {
    const { snapshot } = routed({ port: 80 }, { namespace: "web" });
    const routesOf = (table: RouteTable | undefined) =>
      (table?.prefix[""] ?? []).map(({ rule }) => snapshot.rules[rule]?.route);
    const shown = (snapshot.services["cart.default"] ?? []).map(({ port, table, consumers = {} }) => [
      port,
      routesOf(table),
      Object.entries(consumers).map(([namespace, theirs]) => [namespace, routesOf(theirs)]),
    ]);
    expect(shown).toEqual([
      [80, ["default/cart"], [["web", ["web/shop"]]]],
      [9090, ["default/cart"], []],
    ]);
  });
});
