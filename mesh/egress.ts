/**
 * Addresses that are the edge's own machine or network, and not a service: who can write a Backend must not be able to read cloud
 * credentials, or what listens on loopback. What a name resolves to is known to no Worker: the check is of what is written.
 */
import ipaddr from "ipaddr.js";

export type Reserved = "loopback" | "link-local" | "metadata" | "unspecified";

/** Cloud metadata services that are not link-local: AWS over IPv6, Alibaba, Azure, Oracle. */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set([
  "fd00:ec2::254",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
]);
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "instance-data",
  "instance-data.ec2.internal",
]);
const RANGES: Readonly<Record<string, Reserved>> = {
  loopback: "loopback",
  linkLocal: "link-local",
  unspecified: "unspecified",
};

/** What `host` is reserved for, if anything. As a URL has it: an IPv6 address in brackets. */
export function reservedFor(host: string): Reserved | undefined {
  const name = host
    .toLowerCase()
    .replace(/\.$/, "")
    .replace(/^\[(.*)\]$/, "$1");
  if (!ipaddr.isValid(name)) {
    if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
    return METADATA_NAMES.has(name) ? "metadata" : undefined;
  }
  // 127.0.0.1 as ::ffff:127.0.0.1, or behind NAT64, is still 127.0.0.1.
  const address = embedded(ipaddr.parse(name));
  if (METADATA_ADDRESSES.has(address.toString())) return "metadata";
  return RANGES[address.range()];
}

function embedded(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address.kind() === "ipv4") return address;
  const six = address as ipaddr.IPv6;
  if (six.isIPv4MappedAddress()) return six.toIPv4Address();
  return six.range() === "rfc6052" ? new ipaddr.IPv4(six.toByteArray().slice(12)) : six;
}
