import { expect, it } from "vitest";
import { type Address, addressOf } from "../../mesh/address.ts";
import { isNamed } from "../../mesh/match.ts";
import { EMPTY_SNAPSHOT, type Listener } from "../../mesh/snapshot.ts";
import { ready } from "../support/published.ts";

const listener = (hostname: string): Listener => ({ ...LISTENER, hostname });
const LISTENER: Listener = { port: 80, hostname: "", gateways: ["infra/edge"], hosts: {} };
const routes = ready({ ...EMPTY_SNAPSHOT, listeners: ["", "shop.example", "*.wide.example"].map(listener) });
const reached = { port: 80, domain: "mesh.example" };

const host = (name: string, path: string): Address => ({ kind: "host", host: name, path });
const service = (name: string, port: number | undefined, path: string): Address => ({
  kind: "service",
  service: name,
  port,
  path,
});

it.each<[url: string, address: Address]>([
  ["http://shop.example/a", host("shop.example", "/a")],
  ["http://shop.example./a", host("shop.example", "/a")],
  ["http://cart.shop.mesh.example/a?b", service("cart.shop", undefined, "/a")],
  ["http://CART.shop.mesh.example/", service("cart.shop", undefined, "/")],
  ["http://mesh.example/a", host("mesh.example", "/a")],
  ["http://notmesh.example/a", host("notmesh.example", "/a")],
  ["http://evilmesh.example/~cart.shop/a", service("cart.shop", undefined, "/a")],
  ["http://edge.example/~cart.shop/a", service("cart.shop", undefined, "/a")],
  ["http://edge.example/~cart.shop", service("cart.shop", undefined, "/")],
  ["http://edge.example/~cart.shop:8080/a/~b", service("cart.shop", 8080, "/a/~b")],
  ["http://edge.example/~", host("edge.example", "/~")],
  ["http://edge.example/~cart.shop:x/a", host("edge.example", "/~cart.shop:x/a")],
  ["http://edge.example/x/~cart.shop/a", host("edge.example", "/x/~cart.shop/a")],
  // Hosts that a listener names publish what their routes say, nothing else.
  ["http://shop.example/~cart.shop/a", host("shop.example", "/~cart.shop/a")],
  ["http://a.wide.example/~cart.shop/a", host("a.wide.example", "/~cart.shop/a")],
])("%s is for %j", (url, address) => {
  const { hostname, pathname } = new URL(url);
  expect(addressOf(routes, isNamed, reached, hostname, pathname)).toEqual(address);
});
