import { expect, it } from "vitest";
import { reservedFor } from "../../mesh/egress.ts";

it.each([
  ["127.0.0.1", "loopback"],
  ["127.8.9.10", "loopback"],
  ["[::1]", "loopback"],
  ["[::ffff:127.0.0.1]", "loopback"],
  ["[::ffff:7f00:1]", "loopback"],
  ["[64:ff9b::7f00:1]", "loopback"],
  ["localhost", "loopback"],
  ["LOCALHOST.", "loopback"],
  ["api.localhost", "loopback"],
  ["169.254.169.254", "link-local"],
  ["[fe80::1]", "link-local"],
  ["[::ffff:169.254.169.254]", "link-local"],
  ["0.0.0.0", "unspecified"],
  ["[::]", "unspecified"],
  ["[fd00:ec2::254]", "metadata"],
  ["[fd00:ec2:0::254]", "metadata"],
  ["100.100.100.200", "metadata"],
  ["168.63.129.16", "metadata"],
  ["metadata.google.internal", "metadata"],
  ["Metadata.Google.Internal.", "metadata"],
])("%s is reserved: %s", (host, kind) => {
  expect(reservedFor(host)).toBe(kind);
});

it.each([
  "10.0.0.1",
  "192.168.1.1",
  "172.16.0.1",
  "8.8.8.8",
  "[2001:db8::1]",
  "localhost.example",
  "shop.example",
  "[fd12:3456::1]",
])("%s may be contacted", (host) => {
  expect(reservedFor(host)).toBeUndefined();
});
