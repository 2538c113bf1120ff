/** The network that a client's address belongs to. */
import ipaddr from "ipaddr.js";

/**
 * The first `v4` or `v6` bits of an address, as CIDR; the address itself, in its shortest form, where that is all of it; what is no
 * address as it stands.
 */
export function networkOf(client: string, v4: number, v6: number): string {
  if (!ipaddr.isValid(client)) return client;
  // An IPv4 address in IPv6's clothes is the IPv4 address.
  const address = ipaddr.process(client);
  const isFour = address.kind() === "ipv4";
  const bits = isFour ? v4 : v6;
  if (bits === (isFour ? 32 : 128)) return address.toString();
  const network = isFour ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${network.networkAddressFromCIDR(`${address.toString()}/${bits}`).toString()}/${bits}`;
}

/** Whether an address is this machine's own: everyone on it has the same. */
export const isLoopback = (client: string): boolean =>
  ipaddr.isValid(client) && ipaddr.process(client).range() === "loopback";
