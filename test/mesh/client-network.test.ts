import { expect, it } from "vitest";
import { isLoopback, networkOf } from "../../mesh/client-network.ts";

it.each([
  ["192.0.2.7", 32, 64, "192.0.2.7"],
  ["192.0.2.7", 24, 64, "192.0.2.0/24"],
  ["::ffff:192.0.2.7", 32, 64, "192.0.2.7"],
  ["2001:db8::1:2:3:4", 32, 64, "2001:db8::/64"],
  ["2001:db8:0::1", 32, 128, "2001:db8::1"],
  ["unknown", 24, 64, "unknown"],
])("%s by %i or %i bits is of %s", (client, v4, v6, network) => {
  expect(networkOf(client, v4, v6)).toBe(network);
});

it.each([
  ["127.0.0.1", true],
  ["127.8.0.1", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["192.0.2.7", false],
  ["", false],
  ["localhost", false],
])("that %j is this machine is %s", (client, expected) => {
  expect(isLoopback(client)).toBe(expected);
});
