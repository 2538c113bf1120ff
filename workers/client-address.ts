/** Which address a request came from, by the variable CLIENT_ADDRESS. */
import { platformFacts } from "./platform-facts.ts";

const PEER = "peer";

/** `named` is the header in which the platform says it, `peer`, or an address that all clients have. An empty answer: nobody knows. */
export function clientAddress(named: string): (request: Request) => string {
  if (/^[\d.]+$|:/.test(named)) return () => named;
  return named === PEER ? peerOf : (request) => request.headers.get(named) ?? "";
}

/** workerd says `address:port`, on sockets that take no facts from a header. An IPv4 peer of a socket for both comes as an IPv6 address. */
function peerOf(request: Request): string {
  const peer = platformFacts(request)?.clientIp;
  if (typeof peer !== "string") return "";
  return peer
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/^::ffff:(?=[\d.]+$)/, "");
}
