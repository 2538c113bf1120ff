import { describe, expect, it } from "vitest";
import type { Compiled } from "../../../mesh/compile/compile.ts";
import { hostMatch, ready } from "../../support/published.ts";
import { backend, compiled, gateway, listenerSet, namespace, route, to } from "../../support/resources.ts";

type Listener = { name: string; port: number; protocol: string; hostname?: string };

const http = (name: string, hostname?: string, port = 80): Listener => ({
  name,
  port,
  protocol: "HTTP",
  ...(hostname !== undefined && { hostname }),
});

const door = (listeners: readonly Listener[], from: object = { from: "All" }) =>
  gateway("front", { gatewayClassName: "selvedge", listeners, allowedListeners: { namespaces: from } });

const set = (name: string, listeners: readonly Listener[], metadata: object = {}, parentRef: object = {}) =>
  listenerSet(name, { parentRef: { name: "front", namespace: "default", ...parentRef }, listeners }, metadata);

const all = { allowedRoutes: { namespaces: { from: "All" } } };

const at = (kind: string, name: string, more: object = {}, metadata: object = {}) =>
  route(
    `to-${name}`,
    { parentRefs: [{ kind, name, namespace: "default", ...more }], rules: [{ backendRefs: [to("b")] }] },
    metadata,
  );

/** `port hostname` of every listener that takes traffic. */
const open = ({ snapshot }: Compiled): string[] =>
  snapshot.listeners.map(({ port, hostname }) => `${port} ${hostname || "any"}`);

const codes = ({ problems }: Compiled): string[] =>
  problems.map(({ code, resource, path }) => `${code} ${resource} ${path}`);

const answering = ({ snapshot }: Compiled, host: string, port = 80): string | undefined =>
  hostMatch(ready(snapshot), port, host, { method: "GET", path: "/", header: () => null, query: () => null })?.rule
    .route;

describe("a ListenerSet joins a Gateway that allows", () => {
  const own = http("own", "own.example");
  const more = set("more", [http("more", "more.example")], { namespace: "team" });
  const ours = set("ours", [http("more", "more.example")]);
  const team = namespace("team", { tier: "front" });

  it.each<[string, object | undefined, object, boolean]>([
    ["all namespaces", { from: "All" }, more, true],
    ["its own, from its own", { from: "Same" }, ours, true],
    ["its own, from another", { from: "Same" }, more, false],
    ["none", { from: "None" }, ours, false],
    ["nothing said, which is none", undefined, ours, false],
    ["a label that the namespace has", { from: "Selector", selector: { matchLabels: { tier: "front" } } }, more, true],
    ["a label that it has not", { from: "Selector", selector: { matchLabels: { tier: "back" } } }, more, false],
  ])("%s", (_, from, one, joined) => {
    const front = gateway("front", {
      gatewayClassName: "selvedge",
      listeners: [own],
      ...(from && { allowedListeners: { namespaces: from } }),
    });
    const result = compiled(front, team, one);
    expect(open(result)).toEqual(joined ? ["80 more.example", "80 own.example"] : ["80 own.example"]);
    expect(result.problems.map(({ code, path }) => `${code} ${path}`)).toEqual(
      joined ? [] : ["not-permitted spec.parentRef"],
    );
  });

  it("and has listeners of its own that are valid, or none at all", () => {
    const invalid = door([{ name: "raw", port: 80, protocol: "TCP" }]);
    const result = compiled(invalid, ours);
    expect(open(result)).toEqual([]);
    expect(codes(result)).toEqual([
      "not-carried Gateway default/front spec.listeners[0].protocol",
      "not-attached ListenerSet default/ours spec.parentRef",
    ]);
    expect(open(compiled(door([]), ours))).toEqual(["80 more.example"]);
  });

  it.each([
    ["is not there", { name: "gone" }, "dangling-reference"],
    ["is no Gateway", { group: "", kind: "Service" }, "not-carried"],
  ])("and is told where that %s", (_, parent, code) => {
    expect(codes(compiled(door([own]), set("lost", [http("a")], {}, parent)))).toEqual([
      `${code} ListenerSet default/lost spec.parentRef`,
    ]);
  });

  it("and is told where that is of another class", () => {
    const theirs = gateway("front", { gatewayClassName: "theirs", listeners: [own] });
    const result = compiled(theirs, ours, at("ListenerSet", "ours"), backend("b"));
    expect(open(result)).toEqual([]);
    expect(codes(result)).toEqual([
      "not-attached ListenerSet default/ours spec.parentRef",
      "not-attached HTTPRoute default/to-ours spec.parentRefs[0]",
    ]);
  });
});

describe("of listeners that conflict", () => {
  const old = { creationTimestamp: "2026-01-01T00:00:00Z" };
  const young = { creationTimestamp: "2026-02-01T00:00:00Z" };

  it.each<[string, object[], string[], string[]]>([
    [
      "in one Gateway none takes part",
      [door([http("a", "x.example"), http("b", "x.example"), http("c", "y.example")])],
      ["80 y.example"],
      [
        "conflict Gateway default/front spec.listeners[0].hostname",
        "conflict Gateway default/front spec.listeners[1].hostname",
      ],
    ],
    [
      "by protocol in one Gateway none takes part",
      [door([http("a", "x.example"), { name: "b", port: 80, protocol: "HTTPS", hostname: "y.example" }])],
      [],
      [
        "conflict Gateway default/front spec.listeners[0].protocol",
        "conflict Gateway default/front spec.listeners[1].protocol",
      ],
    ],
    [
      "on different ports all take part",
      [door([http("a", "x.example"), http("b", "x.example", 8080)])],
      ["80 x.example", "8080 x.example"],
      [],
    ],
    [
      "the Gateway's own wins against a set's, however old",
      [door([http("a", "x.example")]), set("s", [http("a", "x.example"), http("b", "y.example")], old)],
      ["80 x.example", "80 y.example"],
      ["conflict ListenerSet default/s spec.listeners[0].hostname"],
    ],
    [
      "the older set's wins",
      [
        door([http("a", "x.example")]),
        set("s1", [http("a", "y.example")], young),
        set("s2", [http("a", "y.example"), http("b", "z.example")], old),
      ],
      ["80 x.example", "80 y.example", "80 z.example"],
      ["conflict ListenerSet default/s1 spec.listeners[0].hostname"],
    ],
    [
      "of equal age the first set's by name wins",
      [door([http("a", "x.example")]), set("s2", [http("a")], old), set("s1", [http("a")], old)],
      ["80 any", "80 x.example"],
      ["conflict ListenerSet default/s2 spec.listeners[0]"],
    ],
    [
      "a set's of another protocol on the port loses",
      [door([http("a", "x.example")]), set("s", [{ name: "a", port: 80, protocol: "HTTPS", hostname: "y.example" }])],
      ["80 x.example"],
      ["conflict ListenerSet default/s spec.listeners[0].protocol"],
    ],
    [
      "one that loses takes nothing from those beside it",
      [
        door([http("a", "x.example")]),
        set("s", [{ name: "a", port: 80, protocol: "HTTPS", hostname: "y.example" }, http("b", "z.example")]),
      ],
      ["80 x.example", "80 z.example"],
      ["conflict ListenerSet default/s spec.listeners[0].protocol"],
    ],
    [
      "one that cannot be carried does not count",
      [door([{ name: "raw", port: 80, protocol: "TCP" }, http("a")])],
      ["80 any"],
      ["not-carried Gateway default/front spec.listeners[0].protocol"],
    ],
  ])("%s", (_, sources, listeners, problems) => {
    const result = compiled(...sources);
    expect([open(result), codes(result)]).toEqual([listeners, problems]);
  });
});

describe("a route to a ListenerSet", () => {
  const front = door([{ ...http("own", "own.example"), ...all }]);
  const more = set("more", [
    { ...http("a", "a.example"), ...all },
    { ...http("b", "b.example", 8080), ...all },
  ]);
  const hosts = (...sources: object[]) => {
    const result = compiled(front, more, backend("b"), ...sources);
    return [answering(result, "own.example"), answering(result, "a.example"), answering(result, "b.example", 8080)];
  };
  const [atSet, atGateway] = ["default/to-more", "default/to-front"];

  it("takes all of its listeners and none of the Gateway's", () =>
    expect(hosts(at("ListenerSet", "more"))).toEqual([undefined, atSet, atSet]));

  it("takes the one of its sectionName", () =>
    expect(hosts(at("ListenerSet", "more", { sectionName: "a" }))).toEqual([undefined, atSet, undefined]));

  it("takes the one of its port", () =>
    expect(hosts(at("ListenerSet", "more", { port: 8080 }))).toEqual([undefined, undefined, atSet]));

  it("is left to its set by a route to the Gateway", () =>
    expect(hosts(at("Gateway", "front"))).toEqual([atGateway, undefined, undefined]));

  it("is allowed by the set's namespace, not the Gateway's", () => {
    const apart = set("apart", [http("a", "a.example")], { namespace: "team" });
    const inTeam = route(
      "in-team",
      { parentRefs: [{ kind: "ListenerSet", name: "apart" }], rules: [{ backendRefs: [to("b")] }] },
      { namespace: "team" },
    );
    const atHome = at("ListenerSet", "apart", { namespace: "team" });
    const result = compiled(front, apart, backend("b", { namespace: "team" }), inTeam, atHome);
    expect(answering(result, "a.example")).toBe("team/in-team");
    expect(codes(result)).toEqual(["not-permitted HTTPRoute default/to-apart spec.parentRefs[0]"]);
  });

  it.each<[string, object[], string]>([
    ["that is not there", [], "dangling-reference"],
    [
      "that the Gateway does not take",
      [door([http("own")], { from: "None" }), set("more", [http("a")])],
      "not-attached",
    ],
    ["of which all listeners conflict", [door([http("own")]), set("more", [http("a")])], "not-attached"],
  ])("%s is told so", (_, sources, code) => {
    const result = compiled(...sources, at("ListenerSet", "more"), backend("b"));
    expect(codes(result).filter((text) => text.includes("HTTPRoute"))).toEqual([
      `${code} HTTPRoute default/to-more spec.parentRefs[0]`,
    ]);
  });
});
