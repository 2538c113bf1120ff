import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVERYTHING, parseGrain } from "../../mesh/grain.ts";
import { readManifest } from "../../mesh/manifest.ts";
import { isInScope, matcher, type Matcher, matchHost, matchService, mayServe } from "../../mesh/match.ts";
import { cutUp } from "../../mesh/published.ts";
import { adopt, type Shard } from "../../mesh/shard/read.ts";
import { EMPTY_SNAPSHOT, type RouteTable, type Snapshot } from "../../mesh/snapshot.ts";

describe("SCOPE", () => {
  it.each([[""], ["everything"], [" everything "]])("%j is everything", (text) => {
    expect(parseGrain(text)).toBe(EVERYTHING);
  });

  it("names namespaces and services", () => {
    expect(parseGrain("namespace/shop, service/pay/cards,namespace/web")).toEqual({
      kind: "some",
      namespaces: new Set(["shop", "web"]),
      services: new Set(["cards.pay"]),
    });
  });

  it.each([
    ["shop"],
    ["namespace/"],
    ["namespace/Shop"],
    ["service/cards"],
    ["everything,namespace/a"],
    ["namespace/a,"],
  ])("%j is refused, for what was meant to be little must not be everything", (text) => {
    expect(() => parseGrain(text)).toThrow(/^SCOPE: ".*" is no scope; write everything, or namespace/);
  });
});

/** Enough routes for several shards. */
const table: RouteTable = {
  exact: {},
  prefix: Object.fromEntries(Array.from({ length: 300 }, (_, path) => [`/${path}`, [{ rule: 0 }]] as const)),
};
const NAMESPACES = ["shop", "pay", "web"];
const SERVICES = ["a", "b", "c", "d"];
const snapshot: Snapshot = {
  ...EMPTY_SNAPSHOT,
  listeners: [
    { gateways: ["shop/front"], port: 80, hostname: "shop.example", hosts: { "shop.example": table } },
    { gateways: ["pay/front", "shop/second"], port: 80, hostname: "both.example", hosts: { "both.example": table } },
    { gateways: ["pay/front"], port: 80, hostname: "both.example", hosts: { "both.example": table } },
    { gateways: ["shop/second"], port: 80, hostname: "both.example", hosts: { "both.example": table } },
    { gateways: ["pay/front"], port: 80, hostname: "*.pay.example", hosts: { "*.pay.example": table } },
  ],
  services: Object.fromEntries(
    NAMESPACES.flatMap((namespace) => SERVICES.map((name) => [`${name}.${namespace}`, [{ port: 80, table }]])),
  ),
  rules: [{ route: "a/r", rule: "0", layers: [], backends: [] }],
};
const { shards, manifest } = cutUp(snapshot);
const read = readManifest(manifest(shards.map(() => "0".repeat(64))));
const adopted: Shard[] = shards.map(adopt);

function edge(scope: string): Matcher {
  const routes = matcher(read, "", parseGrain(scope));
  adopted.forEach((shard, number) => {
    if (mayServe(routes, number)) routes.shards[number] = shard;
  });
  return routes;
}
const subject = { method: "GET", path: "/7/x", header: () => null, query: () => null };
const host = (name: string) => ({ kind: "host", host: name, path: "/" }) as const;
const service = (name: string) => ({ kind: "service", service: name, port: undefined, path: "/" }) as const;

it("serves what its scope names, and knows of the rest that it is another's", () => {
  const inScope = (scope: string) =>
    [
      host("shop.example"),
      host("both.example"),
      host("a.pay.example"),
      service("a.shop"),
      service("b.shop"),
      service("a.pay"),
    ]
      .filter((address) => isInScope(edge(scope), 80, address))
      .map((address) => (address.kind === "host" ? address.host : address.service));
  expect(inScope("everything")).toHaveLength(6);
  expect(inScope("namespace/shop")).toEqual(["shop.example", "both.example", "a.shop", "b.shop"]);
  expect(inScope("namespace/pay")).toEqual(["both.example", "a.pay.example", "a.pay"]);
  expect(inScope("service/shop/a")).toEqual(["a.shop"]);
  expect(inScope("service/shop/a,namespace/pay")).toEqual(["both.example", "a.pay.example", "a.shop", "a.pay"]);
  expect(inScope("namespace/nobody")).toEqual([]);
  // Nobody covers the host: an edge of everything says so itself.
  expect(isInScope(edge("everything"), 80, host("unknown"))).toBe(true);
  expect(isInScope(edge("namespace/shop"), 80, host("unknown"))).toBe(false);
});

it("of a hostname that several namespaces have, each has its own Gateway's listener where there is one", () => {
  expect(edge("namespace/pay").listeners.get(80)?.get("both.example")).toContain("pay/front");
  expect(edge("namespace/shop").listeners.get(80)?.get("both.example")).not.toContain("pay/front");
});

it("whatever is in scope is answered as by an edge of everything, from the shards that the scope may need", () => {
  const whole = edge("everything");
  const part = fc.oneof(
    fc.constantFrom(...NAMESPACES).map((namespace) => `namespace/${namespace}`),
    fc
      .tuple(fc.constantFrom(...NAMESPACES), fc.constantFrom(...SERVICES))
      .map(([namespace, name]) => `service/${namespace}/${name}`),
  );
  const addresses = [...Object.keys(snapshot.services).map(service), host("shop.example"), host("a.pay.example")];
  const found = (routes: Matcher, address: (typeof addresses)[number]) =>
    address.kind === "host"
      ? matchHost(routes, 80, address.host, subject)
      : matchService(routes, address.service, undefined, "", subject);
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
      const routes = edge(parts.join(","));
      const ours = addresses.filter((address) => isInScope(routes, 80, address));
      expect(ours.map((address) => found(routes, address))).toEqual(ours.map((address) => found(whole, address)));
    }),
  );
});

it("one service takes one shard of several", () => {
  expect(shards.length).toBeGreaterThan(4);
  expect(adopted.filter((_, number) => mayServe(edge("service/shop/a"), number))).toHaveLength(1);
});

it("a manifest of before, which says of no namespace where it stands, is loaded as a whole", () => {
  const { namespaces: _, ...before } = read;
  const routes = matcher(before, "", parseGrain("namespace/shop"));
  expect(adopted.every((_shard, number) => mayServe(routes, number))).toBe(true);
});
