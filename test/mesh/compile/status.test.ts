import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compile } from "../../../mesh/compile/compile.ts";
import { type Status, statuses } from "../../../mesh/compile/status.ts";
import {
  backend,
  backendOf,
  compiled,
  front,
  gateway,
  gatewayClass,
  GATEWAY_API,
  grant,
  listenerSet,
  rateLimitPolicy,
  resources,
  route,
  service,
  to,
  trafficPolicy,
} from "../../support/resources.ts";

type Condition = { type: string; status: string; reason: string; message: string; observedGeneration: number };
type Conditions = { conditions: Condition[] };

const DEPLOYMENT = {
  certificates: ["default/held", "vault/held"],
  addresses: ["edge.example", "192.0.2.1"],
  hostPreserving: ["http://kept"],
};

const all = (...sources: object[]) => statuses(compiled(...sources).facts, DEPLOYMENT);

function statusOf<T = Conditions>(key: string, ...sources: object[]): T {
  const status = all(...sources).get(key);
  if (!status) throw new Error(`no status of ${key}`);
  return status as unknown as T;
}

/** `Type=Status/Reason` of each condition; `type` picks one. */
const shown = ({ conditions }: Conditions, ...types: string[]): string[] =>
  conditions
    .filter(({ type }) => types.length === 0 || types.includes(type))
    .map(({ type, status, reason }) => `${type}=${status}/${reason}`);

type GatewayStatus = Conditions & {
  addresses: { type: string; value: string }[];
  listeners: (Conditions & { name: string; attachedRoutes: number; supportedKinds: { kind: string }[] })[];
  attachedListenerSets: number;
};
const gatewayOf = (...sources: object[]) => statusOf<GatewayStatus>("Gateway/default/front", ...sources);

type RouteStatus = { parents: (Conditions & { parentRef: object; controllerName: string })[] };
const routeOf = (...sources: object[]) => statusOf<RouteStatus>("HTTPRoute/default/shop", ...sources).parents;

type PolicyStatus = { ancestors: (Conditions & { ancestorRef: object; controllerName: string })[] };

const shop = (spec: object = {}) =>
  route("shop", { parentRefs: [{ name: "front" }], rules: [{ backendRefs: [to("b")] }], ...spec });

const OK = ["Accepted=True/Accepted", "Programmed=True/Programmed"];

const parametersRef = { group: "example.com", kind: "Config", name: "c" };

describe("a GatewayClass", () => {
  it("of ours is accepted and says what it supports, sorted", () => {
    type Features = { supportedFeatures: { name: string }[] };
    const status = statusOf<Conditions & Features>(
      "GatewayClass//ours",
      gatewayClass("ours", { controllerName: "mesh.selvedge.dev/edge" }),
    );
    expect(shown(status)).toEqual(["Accepted=True/Accepted", "SupportedVersion=True/SupportedVersion"]);
    const names = status.supportedFeatures.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toContain("ListenerSet");
  });

  it("with parameters is not accepted, and its Gateways wait", () => {
    const ours = gatewayClass("ours", { controllerName: "mesh.selvedge.dev/edge", parametersRef });
    expect(shown(statusOf("GatewayClass//ours", ours))[0]).toBe("Accepted=False/InvalidParameters");
    const waiting = gateway("front", { gatewayClassName: "ours", listeners: [] });
    expect(shown(statusOf("Gateway/default/front", ours, waiting))[0]).toBe("Accepted=Unknown/Pending");
  });

  it("of another controller waits for that one", () =>
    expect(shown(statusOf("GatewayClass//theirs", gatewayClass("theirs", { controllerName: "a.example/b" })))).toEqual([
      "Accepted=Unknown/Pending",
    ]));
});

describe("a Gateway", () => {
  const of = (listeners: object[], spec: object = {}) =>
    gateway("front", { gatewayClassName: "selvedge", listeners, ...spec });
  const http = { name: "http", port: 80, protocol: "HTTP" };
  const raw = { name: "raw", port: 9000, protocol: "TCP" };
  const tls = (name: string) => ({ name, port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name }] } });

  it.each<[string, object[], string[]]>([
    ["of valid listeners", [of([http])], OK],
    [
      "of another class",
      [of([http], { gatewayClassName: "theirs" })],
      ["Accepted=Unknown/Pending", "Programmed=Unknown/Pending"],
    ],
    ["of some valid listeners", [of([http, raw])], ["Accepted=True/ListenersNotValid", "Programmed=True/Programmed"]],
    ["of no valid listener", [of([raw])], ["Accepted=False/ListenersNotValid", "Programmed=False/Invalid"]],
    [
      "of a listener without its certificate",
      [of([tls("gone")])],
      ["Accepted=True/Accepted", "Programmed=False/Invalid"],
    ],
    [
      "with parameters",
      [of([http], { infrastructure: { parametersRef } })],
      ["Accepted=False/InvalidParameters", "Programmed=False/Invalid"],
    ],
    [
      "at an address of a kind that there is not here",
      [of([http], { addresses: [{ type: "example.com/pool", value: "blue" }] })],
      ["Accepted=False/UnsupportedAddress", "Programmed=False/Invalid"],
    ],
    ["of no listener", [of([])], ["Accepted=True/Accepted", "Programmed=False/Invalid"]],
    [
      "of no listener but a ListenerSet's",
      [
        of([], { allowedListeners: { namespaces: { from: "Same" } } }),
        listenerSet("set", { parentRef: { name: "front" }, listeners: [http] }),
      ],
      OK,
    ],
    ["at an address that the edge has", [of([http], { addresses: [{ value: "192.0.2.1" }] })], OK],
    [
      "at an address that it has not",
      [of([http], { addresses: [{ value: "192.0.2.9" }] })],
      ["Accepted=True/Accepted", "Programmed=False/AddressNotUsable"],
    ],
  ])("%s", (_, sources, expected) => {
    expect(shown(gatewayOf(...sources))).toEqual(expected);
  });

  it("shows the edge's addresses, or those of them that it asks for", () => {
    const [edge, ip] = [
      { type: "Hostname", value: "edge.example" },
      { type: "IPAddress", value: "192.0.2.1" },
    ];
    expect(gatewayOf(of([http])).addresses).toEqual([edge, ip]);
    expect(gatewayOf(of([http], { addresses: [{ value: "192.0.2.1" }] })).addresses).toEqual([ip]);
  });

  it("has seen its generation", () => {
    const [stored] = resources(front());
    if (!stored) throw new Error("no resource");
    const grown = { ...stored, metadata: { ...stored.metadata, generation: 7 } };
    const status = statuses(compile([grown]).facts, DEPLOYMENT).get(
      "Gateway/default/front",
    ) as unknown as GatewayStatus;
    const seen = [...status.conditions, ...(status.listeners[0]?.conditions ?? [])].map(
      (one) => one.observedGeneration,
    );
    expect(new Set(seen)).toEqual(new Set([7]));
  });
});

describe("a listener", () => {
  const FINE = [...OK, "ResolvedRefs=True/ResolvedRefs", "Conflicted=False/NoConflicts"];
  const kinds = (...names: string[]) => ({ allowedRoutes: { kinds: names.map((kind) => ({ kind })) } });
  const https = (ref: object) => ({ protocol: "HTTPS", tls: { certificateRefs: [ref] } });
  const vault = (from: object = {}, to_: object = {}) =>
    grant(
      "held",
      {
        from: [{ group: GATEWAY_API, kind: "Gateway", namespace: "default", ...from }],
        to: [{ group: "", kind: "Secret", ...to_ }],
      },
      { namespace: "vault" },
    );
  const unresolved = (reason: string) => [
    "Accepted=True/Accepted",
    "Programmed=False/Invalid",
    `ResolvedRefs=False/${reason}`,
    "Conflicted=False/NoConflicts",
  ];
  const away = { name: "held", namespace: "vault" };

  it.each<[string, object[], string[], string[]]>([
    ["of HTTP", [front()], FINE, ["HTTPRoute"]],
    ["of HTTPS that names no certificate", [front({ protocol: "HTTPS" })], FINE, ["HTTPRoute"]],
    [
      "of another protocol",
      [front({ protocol: "UDP" })],
      [
        "Accepted=False/UnsupportedProtocol",
        "Programmed=False/Invalid",
        "ResolvedRefs=True/ResolvedRefs",
        "Conflicted=False/NoConflicts",
      ],
      [],
    ],
    ["for HTTPRoute alone", [front(kinds("HTTPRoute"))], FINE, ["HTTPRoute"]],
    [
      "for HTTPRoute and a kind that it does not take",
      [front(kinds("HTTPRoute", "GRPCRoute"))],
      [...OK, "ResolvedRefs=False/InvalidRouteKinds", "Conflicted=False/NoConflicts"],
      ["HTTPRoute"],
    ],
    ["for a kind that it does not take", [front(kinds("TCPRoute"))], unresolved("InvalidRouteKinds"), []],
    ["with a certificate that is held", [front(https({ name: "held" }))], FINE, ["HTTPRoute"]],
    ["with one that is not", [front(https({ name: "gone" }))], unresolved("InvalidCertificateRef"), ["HTTPRoute"]],
    [
      "with what is no Secret",
      [front(https({ name: "held", kind: "ConfigMap" }))],
      unresolved("InvalidCertificateRef"),
      ["HTTPRoute"],
    ],
    ["with one of another namespace", [front(https(away))], unresolved("RefNotPermitted"), ["HTTPRoute"]],
    ["with one of another namespace, granted", [front(https(away)), vault()], FINE, ["HTTPRoute"]],
    [
      "with one granted by name to another",
      [front(https(away)), vault({}, { name: "other" })],
      unresolved("RefNotPermitted"),
      ["HTTPRoute"],
    ],
    [
      "with one granted to routes",
      [front(https(away)), vault({ kind: "HTTPRoute" })],
      unresolved("RefNotPermitted"),
      ["HTTPRoute"],
    ],
  ])("%s", (_, sources, conditions, supported) => {
    const [listener] = gatewayOf(...sources).listeners;
    if (!listener) throw new Error("no listener");
    expect([shown(listener), listener.supportedKinds.map(({ kind }) => kind)]).toEqual([conditions, supported]);
  });

  it.each([
    ["hostname", { name: "b", port: 80, protocol: "HTTP" }, "HostnameConflict"],
    ["protocol", { name: "b", port: 80, protocol: "HTTPS", hostname: "b.example" }, "ProtocolConflict"],
  ])("that conflicts by %s", (_, other, reason) => {
    const { listeners } = gatewayOf(
      gateway("front", { gatewayClassName: "selvedge", listeners: [{ name: "a", port: 80, protocol: "HTTP" }, other] }),
    );
    for (const listener of listeners)
      expect(shown(listener)).toEqual([
        `Accepted=False/${reason}`,
        `Programmed=False/${reason}`,
        "ResolvedRefs=True/ResolvedRefs",
        `Conflicted=True/${reason}`,
      ]);
    expect(listeners.length).toBe(2);
  });

  it("counts the routes that attach, each once, and no other", () => {
    const two = route("two", { parentRefs: [{ name: "front" }, { name: "front", sectionName: "http" }] });
    const elsewhere = route("elsewhere", { parentRefs: [{ name: "front" }], hostnames: ["b.example"] });
    const dangling = shop({ rules: [{ backendRefs: [to("gone")] }] });
    const { listeners } = gatewayOf(front({ hostname: "a.example" }), two, elsewhere, dangling);
    expect(listeners.map(({ attachedRoutes }) => attachedRoutes)).toEqual([2]);
  });
});

describe("a ListenerSet", () => {
  const open = gateway("front", {
    gatewayClassName: "selvedge",
    listeners: [{ name: "own", port: 80, protocol: "HTTP", hostname: "own.example" }],
    allowedListeners: { namespaces: { from: "Same" } },
  });
  const set = (hostnames: string[], parent: object = {}) =>
    listenerSet("more", {
      parentRef: { name: "front", ...parent },
      listeners: hostnames.map((hostname, index) => ({ name: `l${index}`, port: 80, protocol: "HTTP", hostname })),
    });
  const no = (reason: string) => [`Accepted=False/${reason}`, `Programmed=False/${reason}`];

  it.each<[string, object[], string[], number]>([
    ["that joins", [open, set(["a.example"])], OK, 1],
    ["that its Gateway does not allow", [front(), set(["a.example"])], no("NotAllowed"), 0],
    ["without a Gateway", [front(), set(["a.example"], { name: "gone" })], no("ParentNotAccepted"), 0],
    ["of what is no Gateway", [front(), set(["a.example"], { kind: "Service", group: "" })], no("Invalid"), 0],
    [
      "of a Gateway that is not accepted",
      [
        gateway("front", {
          gatewayClassName: "selvedge",
          listeners: [{ name: "raw", port: 80, protocol: "TCP" }],
          allowedListeners: { namespaces: { from: "All" } },
        }),
        set(["a.example"]),
      ],
      no("ParentNotAccepted"),
      0,
    ],
    ["of which all listeners conflict", [open, set(["own.example"])], no("ListenersNotValid"), 0],
    [
      "of which some conflict",
      [open, set(["own.example", "a.example"])],
      ["Accepted=True/ListenersNotValid", "Programmed=True/Programmed"],
      1,
    ],
  ])("%s", (_, sources, expected, attached) => {
    expect(shown(statusOf("ListenerSet/default/more", ...sources))).toEqual(expected);
    expect(gatewayOf(...sources).attachedListenerSets).toBe(attached);
  });

  it("of another class's Gateway waits for that controller", () => {
    const theirs = gateway("front", { gatewayClassName: "theirs", listeners: [] });
    expect(shown(statusOf("ListenerSet/default/more", theirs, set(["a.example"])))).toEqual([
      "Accepted=Unknown/Pending",
      "Programmed=Unknown/Pending",
    ]);
  });

  it("counts routes to it on its own listeners", () => {
    const toSet = shop({ parentRefs: [{ kind: "ListenerSet", name: "more" }] });
    const status = statusOf<GatewayStatus>("ListenerSet/default/more", open, set(["a.example"]), toSet);
    expect(status.listeners.map(({ attachedRoutes }) => attachedRoutes)).toEqual([1]);
    expect(gatewayOf(open, set(["a.example"]), toSet).listeners[0]?.attachedRoutes).toBe(0);
  });
});

describe("an HTTPRoute", () => {
  const FINE = ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"];

  it("names its parent in full, and whose word this is", () => {
    const [parent] = routeOf(front(), backend("b"), shop({ parentRefs: [{ name: "front", sectionName: "http" }] }));
    expect(parent).toMatchObject({
      parentRef: { group: GATEWAY_API, kind: "Gateway", namespace: "default", name: "front", sectionName: "http" },
      controllerName: "mesh.selvedge.dev/edge",
    });
  });

  it.each<[string, object[], object, string]>([
    ["attached", [front()], {}, "True/Accepted"],
    ["to another section", [front()], { parentRefs: [{ name: "front", sectionName: "x" }] }, "False/NoMatchingParent"],
    ["to another port", [front()], { parentRefs: [{ name: "front", port: 81 }] }, "False/NoMatchingParent"],
    ["to a Gateway that is not there", [], {}, "False/NoMatchingParent"],
    [
      "of hosts that do not overlap",
      [front({ hostname: "a.example" })],
      { hostnames: ["b.example"] },
      "False/NoMatchingListenerHostname",
    ],
    [
      "that may not attach",
      [front({ allowedRoutes: { namespaces: { from: "None" } } })],
      {},
      "False/NotAllowedByListeners",
    ],
    [
      "of a kind that may not",
      [front({ allowedRoutes: { kinds: [{ kind: "GRPCRoute" }] } })],
      {},
      "False/NotAllowedByListeners",
    ],
    ["to a listener of TCP", [front({ protocol: "TCP" })], {}, "False/NotAllowedByListeners"],
    [
      "to a kind that takes no routes",
      [front()],
      { parentRefs: [{ group: "", kind: "Pod", name: "p" }] },
      "False/NoMatchingParent",
    ],
    [
      "to a Service",
      [service("s", { ports: [{ port: 80 }] })],
      { parentRefs: [{ group: "", kind: "Service", name: "s" }] },
      "True/Accepted",
    ],
  ])("%s", (_, sources, spec, expected) => {
    const [parent] = routeOf(...sources, backend("b"), shop(spec));
    if (!parent) throw new Error("no parent");
    expect(shown(parent)).toEqual([`Accepted=${expected}`, "ResolvedRefs=True/ResolvedRefs"]);
  });

  it("is said nothing of by us where its Gateway is another controller's", () => {
    const theirs = gateway("front", { gatewayClassName: "theirs", listeners: [] });
    expect(routeOf(theirs, backend("b"), shop())).toEqual([]);
  });

  const svc = (more: object = {}) => service("s", { ports: [{ port: 80, ...more }] });
  const mirror = (backendRef: object) => ({
    filters: [{ type: "RequestMirror", requestMirror: { backendRef } }],
    backendRefs: [to("b")],
  });

  it.each<[string, object[], object, string]>([
    ["to what is there", [svc()], { backendRefs: [{ name: "s", port: 80 }, to("b")] }, "True/ResolvedRefs"],
    ["to no Backend", [], { backendRefs: [to("gone")] }, "False/BackendNotFound"],
    ["to no Service", [], { backendRefs: [{ name: "gone", port: 80 }] }, "False/BackendNotFound"],
    ["to no port", [svc()], { backendRefs: [{ name: "s", port: 81 }] }, "False/BackendNotFound"],
    ["to a port unsaid", [svc()], { backendRefs: [{ name: "s" }] }, "False/BackendNotFound"],
    ["to another kind", [], { backendRefs: [{ kind: "Pod", name: "p" }] }, "False/InvalidKind"],
    ["to another namespace", [], { backendRefs: [to("b", { namespace: "x" })] }, "False/RefNotPermitted"],
    [
      "to HTTP/2 in the clear",
      [svc({ appProtocol: "kubernetes.io/h2c" })],
      { backendRefs: [{ name: "s", port: 80 }] },
      "False/UnsupportedProtocol",
    ],
    ["of a mirror to nothing", [], mirror(to("gone")), "False/BackendNotFound"],
    ["beside one that leads somewhere", [], { backendRefs: [to("b"), to("gone")] }, "False/BackendNotFound"],
  ])("with a reference %s", (_, sources, rule, expected) => {
    const [parent] = routeOf(front(), backend("b"), ...sources, shop({ rules: [rule] }));
    if (!parent) throw new Error("no parent");
    expect(shown(parent, "Accepted", "ResolvedRefs")).toEqual(["Accepted=True/Accepted", `ResolvedRefs=${expected}`]);
  });

  it("of a Service's consumer may name that Service without a grant, and through a Gateway may not", () => {
    const consumer = route("shop", {
      parentRefs: [{ group: "", kind: "Service", name: "s", namespace: "away" }, { name: "front" }],
      rules: [{ backendRefs: [{ name: "s", namespace: "away", port: 80 }] }],
    });
    const parents = routeOf(front(), service("s", { ports: [{ port: 80 }] }, { namespace: "away" }), consumer);
    expect(parents.map((parent) => shown(parent))).toEqual([
      FINE,
      ["Accepted=True/Accepted", "ResolvedRefs=False/RefNotPermitted"],
    ]);
  });

  it("is partially invalid where a part of a rule cannot be carried, and says which", () => {
    const extension = { type: "ExtensionRef", extensionRef: { group: "a.example", kind: "Filter", name: "f" } };
    const rules = [{ backendRefs: [to("b")] }, { backendRefs: [to("b")], filters: [extension] }];
    const [parent] = routeOf(front(), backend("b"), shop({ rules }));
    if (!parent) throw new Error("no parent");
    expect(shown(parent)).toEqual([...FINE, "PartiallyInvalid=True/UnsupportedValue"]);
    expect(parent.conditions[2]?.message).toMatch(/^Dropped Rule parts: spec\.rules\[1\]\.filters\[0\]: /);
  });
});

describe("what cannot be carried", () => {
  const of = (kind: string, spec: object) => ({
    apiVersion: `${GATEWAY_API}/v1`,
    kind,
    metadata: { name: "x" },
    spec,
  });

  it.each([
    ["GRPCRoute", { name: "front" }, "NotAllowedByListeners", /trailers/],
    ["TCPRoute", { name: "front" }, "NotAllowedByListeners", /connections/],
    ["GRPCRoute", { group: "", kind: "Service", name: "s" }, "UnsupportedValue", /trailers/],
  ])("is refused by its parents: %s to %j", (kind, parent, reason, message) => {
    const status = statusOf<RouteStatus>(`${kind}/default/x`, front(), of(kind, { parentRefs: [parent] }));
    expect(status.parents.map((one) => shown(one))).toEqual([[`Accepted=False/${reason}`]]);
    expect(status.parents[0]?.conditions[0]?.message).toMatch(message);
  });

  it("has no parents where it names none that can be read", () => {
    expect(statusOf<RouteStatus>("GRPCRoute/default/x", of("GRPCRoute", { parentRefs: "front" })).parents).toEqual([]);
  });

  it("is refused by its targets", () => {
    const policy = of("BackendTLSPolicy", { targetRefs: [{ group: "", kind: "Service", name: "s" }] });
    const { ancestors } = statusOf<PolicyStatus>("BackendTLSPolicy/default/x", policy);
    expect(ancestors.map((one) => shown(one))).toEqual([["Accepted=False/Invalid"]]);
  });
});

describe("a policy", () => {
  const at = (kind: string, name: string, more: object = {}) => ({
    group: kind === "Backend" ? "mesh.selvedge.dev" : GATEWAY_API,
    kind,
    name,
    ...more,
  });
  const timeouts = { timeouts: { request: "1s" } };
  const old = trafficPolicy(
    "old",
    { targetRefs: [at("Backend", "b")], ...timeouts },
    { creationTimestamp: "2020-01-01T00:00:00Z" },
  );
  const verdicts = (policy: object, ...sources: object[]) =>
    statusOf<PolicyStatus>("TrafficPolicy/default/p", policy, front(), backend("b"), ...sources).ancestors.map(
      (one) => shown(one)[0],
    );

  it.each<[string, object, object[], string]>([
    ["of a Backend", { targetRefs: [at("Backend", "b")], ...timeouts }, [], "True/Accepted"],
    ["of a listener", { targetRefs: [at("Gateway", "front", { sectionName: "http" })] }, [], "True/Accepted"],
    ["of no listener", { targetRefs: [at("Gateway", "front", { sectionName: "x" })] }, [], "False/TargetNotFound"],
    ["of nothing", { targetRefs: [at("Backend", "gone")] }, [], "False/TargetNotFound"],
    ["of a kind that takes none", { targetRefs: [at("GatewayClass", "c")] }, [], "False/Invalid"],
    ["of another namespace", { targetRefs: [at("Backend", "b", { namespace: "x" })] }, [], "False/Invalid"],
    ["beside an older one", { targetRefs: [at("Backend", "b")], ...timeouts }, [old], "False/Conflicted"],
    [
      "beside an older one in part",
      { targetRefs: [at("Backend", "b")], ...timeouts, breaker: {} },
      [old],
      "True/Accepted",
    ],
  ])("%s", (_, spec, sources, expected) => {
    expect(verdicts(trafficPolicy("p", spec), ...sources)).toEqual([`Accepted=${expected}`]);
  });

  it("is judged target by target", () => {
    const policy = trafficPolicy("p", { targetRefs: [at("Backend", "b"), at("Backend", "c")], ...timeouts });
    expect(verdicts(policy, backend("c"), old)).toEqual(["Accepted=False/Conflicted", "Accepted=True/Accepted"]);
  });

  it("of limits conflicts with none", () => {
    const limits = (name: string) =>
      rateLimitPolicy(name, { targetRefs: [at("Backend", "b")], limits: [{ name: "l", requests: 1 }] });
    const { ancestors } = statusOf<PolicyStatus>("RateLimitPolicy/default/q", limits("p"), limits("q"), backend("b"));
    expect(ancestors.map((one) => shown(one))).toEqual([["Accepted=True/Accepted"]]);
  });
});

describe("what answers", () => {
  const endpoints = (...all: object[]) => backendOf("b", { endpoints: all });
  const [kept, bound, other] = [{ url: "http://kept/x" }, { binding: "SERVICE_CART" }, { url: "http://other" }];

  it.each<[string, object, string, RegExp]>([
    ["by bindings", endpoints(kept, bound), "Request", /keep the Host/],
    ["by URL", endpoints(other), "Endpoint", /X-Forwarded-Host and Forwarded/],
    ["by both", endpoints(kept, other), "Mixed", /the URL of http:..other;/],
  ])("says which Host endpoints see that are reached %s", (_, given, seen, message) => {
    const { hostHeader } = statusOf<{ hostHeader?: { seen: string; message: string } }>("Backend/default/b", given);
    expect(hostHeader?.seen).toBe(seen);
    expect(hostHeader?.message).toMatch(message);
  });

  it("says nothing of a Host where no endpoint sees one", () =>
    expect(statusOf("Backend/default/b", endpoints({ ...other, weight: 0 }))).not.toHaveProperty("hostHeader"));

  it.each<[string, object, RegExp]>([
    [
      "which do not see it",
      other,
      /^spec.rules.0..backendRefs.0.: the rewritten hostname is in X-Forwarded-Host alone/,
    ],
    ["which see it", kept, /^$/],
  ])("says of a route that rewrites the hostname for endpoints %s", (_, endpoint, message) => {
    const filters = [{ type: "URLRewrite", urlRewrite: { hostname: "inner.example" } }];
    const rules = [{ filters, backendRefs: [to("b")] }];
    const { parents } = statusOf<RouteStatus>(
      "HTTPRoute/default/r",
      front(),
      endpoints(endpoint),
      route("r", { parentRefs: [{ name: "front" }], rules }),
    );
    const [accepted] = parents[0]?.conditions ?? [];
    expect(accepted).toMatchObject({ type: "Accepted", status: "True" });
    expect(accepted?.message).toMatch(message);
  });

  it("counts the endpoints of a Backend", () =>
    expect(statusOf("Backend/default/b", backend("b"))).toMatchObject({
      endpoints: 1,
      conditions: [
        { type: "Accepted", status: "True" },
        { type: "ResolvedRefs", status: "True" },
      ],
    }));

  it.each<[string, object[], Status]>([
    [
      "by port",
      [service("b", { ports: [{ port: 80 }, { port: 81, name: "x" }] }), backend("b")],
      {
        ports: [
          { port: 80, endpoints: 1 },
          { port: 81, endpoints: 1 },
        ],
        conditions: [{}, { status: "True" }],
      },
    ],
    [
      "and says where none does",
      [service("b", { ports: [{ port: 80 }] })],
      { ports: [{ port: 80, endpoints: 0 }], conditions: [{}, { status: "False", reason: "NoEndpoints" }] },
    ],
    [
      "and counts none where routes of its own answer for it",
      [
        service("b", { ports: [{ port: 80 }] }),
        backend("other"),
        route("own", {
          parentRefs: [{ group: "", kind: "Service", name: "b" }],
          rules: [{ backendRefs: [{ group: "mesh.selvedge.dev", kind: "Backend", name: "other" }] }],
        }),
      ],
      { ports: [{ port: 80, endpoints: 0 }], conditions: [{}, { status: "True" }] },
    ],
    ["and says where there is no port", [service("b", {})], { ports: [], conditions: [{}, { reason: "NoEndpoints" }] }],
  ])("counts the endpoints of a Service %s", (_, sources, expected) => {
    expect(statusOf("Service/default/b", ...sources)).toMatchObject(expected);
  });
});

const hostname = fc.constantFrom(undefined, "a.x", "b.x", "*.x", "a.y", "*.a.x");
const listeners = fc.uniqueArray(fc.record({ port: fc.constantFrom(80, 8080), hostname }), {
  minLength: 1,
  maxLength: 4,
  selector: ({ port, hostname: host }) => `${port} ${host}`,
});
const routes = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("r0", "r1", "r2", "r3"),
    hostnames: fc.array(fc.constantFrom("a.x", "b.x", "*.x", "c.a.x", "*.y"), { maxLength: 2 }),
    parents: fc.array(
      fc.record(
        { set: fc.boolean(), sectionName: fc.constantFrom("l0", "l1", "l9"), port: fc.constantFrom(80, 8080) },
        { requiredKeys: ["set"] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  { selector: ({ name }) => name, maxLength: 4 },
);

// Invariant: a listener's attachedRoutes is the number of distinct routes that the compiled tables hold for it.
it("counts as attached exactly the routes that the tables have", () => {
  let counted = 0;
  fc.assert(
    fc.property(listeners, listeners, routes, (own, brought, attaching) => {
      const written = (all: typeof own) =>
        all.map(({ port, hostname: host }, index) => ({
          name: `l${index}`,
          port,
          protocol: "HTTP",
          ...(host !== undefined && { hostname: host }),
        }));
      const { facts, snapshot } = compile(
        resources(
          gateway("front", {
            gatewayClassName: "selvedge",
            listeners: written(own),
            allowedListeners: { namespaces: { from: "Same" } },
          }),
          listenerSet("set", { parentRef: { name: "front" }, listeners: written(brought) }),
          ...attaching.map(({ name, hostnames, parents }) =>
            route(name, {
              hostnames,
              parentRefs: parents.map(({ set, ...parent }) => ({
                ...(set ? { kind: "ListenerSet", name: "set" } : { name: "front" }),
                ...parent,
              })),
            }),
          ),
        ),
      );
      const found = statuses(facts, DEPLOYMENT);
      for (const { owner, listener } of facts.listeners.all) {
        const key = `${owner.kind}/default/${owner.metadata.name}`;
        const status = found.get(key) as unknown as GatewayStatus;
        const shownAs = status.listeners.find(({ name }) => name === listener.name);
        if (!shownAs) throw new Error(`no status of listener ${listener.name} of ${key}`);
        const takesTraffic = shown(shownAs, "Accepted")[0] === "Accepted=True/Accepted";
        const compiledTo = snapshot.listeners.find(
          ({ port, hostname: host }) => takesTraffic && port === listener.port && host === (listener.hostname ?? ""),
        );
        const tables = Object.values(compiledTo?.hosts ?? {}).flatMap((table) => Object.values(table.prefix).flat());
        const reached = new Set(tables.map(({ rule }) => snapshot.rules[rule]?.route));
        expect(shownAs.attachedRoutes).toBe(reached.size);
        counted += reached.size;
      }
    }),
  );
  expect(counted).toBeGreaterThan(50);
});
