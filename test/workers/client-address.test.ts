import { expect, it } from "vitest";
import { clientAddress } from "../../workers/client-address.ts";

it.each<[string, string, object | undefined, string]>([
  ["is what the platform's header says", "x-client", undefined, "192.0.2.7"],
  ["is unknown without that header", "cf-connecting-ip", undefined, ""],
  ["is that of all, where there is one", "127.0.0.1", { clientIp: "192.0.2.9:1" }, "127.0.0.1"],
  ["is that of all by IPv6", "::1", undefined, "::1"],
  ["is the peer's, whatever a header says", "peer", { clientIp: "192.0.2.9:40312" }, "192.0.2.9"],
  ["is the peer's by IPv6", "peer", { clientIp: "[2001:db8::7]:40312" }, "2001:db8::7"],
  ["is an IPv4 peer's own on a socket for both", "peer", { clientIp: "[::ffff:192.0.2.9]:40312" }, "192.0.2.9"],
  ["is unknown where the runtime tells of no peer", "peer", undefined, ""],
])("a client's address %s", (_, named, cf, expected) => {
  const request = Object.assign(new Request("http://a/", { headers: { "x-client": "192.0.2.7" } }), { cf });
  expect(clientAddress(named)(request as never)).toBe(expected);
});
