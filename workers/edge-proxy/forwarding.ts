/**
 * What a hop may pass on (RFC 9110 §7.6), and what it adds (§7.6.3 Via; RFC 7239 Forwarded). The runtime strips a part of
 * the hop-by-hop headers from outgoing requests and none from responses; here all of them go, in both directions.
 */

import type { Ingress } from "./ingress.ts";
import { MESH_HEADERS, TRAVELLING_HEADERS } from "../../mesh/headers.ts";

/**
 * `proxy-authorization` and `proxy-authenticate` are between a caller and a proxy it chose, which this is not. `expect`
 * is answered by the runtime; passed on, an upstream's 100 could be taken for its answer. `upgrade` stays for WebSocket.
 */
const NEVER_PASSED_ON: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "expect",
  // Who a client is, its TLS terminator says, or the edge: never the client.
  "x-forwarded-client-cert",
  ...Object.values(MESH_HEADERS),
];

/** A server that makes variables of header names (CGI, WSGI) takes these for what the mesh says, or for a proxy of its own (httpoxy, CVE-2016-5385). */
const TAKEN_FOR_OTHERS: readonly string[] = [
  "selvedge_caller",
  "x_forwarded_for",
  "x_forwarded_host",
  "x_forwarded_proto",
  "x_forwarded_client_cert",
  "proxy",
];

/** What a proxy in front of the edge may say of the client and its connection; from anyone else it is the client's own word. */
const OF_TRUSTED_PROXIES: readonly string[] = ["x-real-ip", "x-forwarded-port", "x-forwarded-prefix"];

/** Upgrades have rules of their own; a trace goes end to end, and who names it in Connection would only cut it. */
const NEVER_NAMED: ReadonlySet<string> = new Set(["upgrade", "traceparent", "tracestate"]);

/** Legitimate chains are short, and only a caller that copies Via makes them longer; a loop passes any number. */
const MAX_PASSES = 8;
const VIA = "1.1 selvedge";

/** True when the request has been through this mesh so often that it must be going round. */
export function isLooping(request: Headers): boolean {
  const via = request.get("via");
  return via !== null && via.split(",").filter((hop) => hop.trim() === VIA).length >= MAX_PASSES;
}

type Caller = Pick<Ingress, "client" | "scheme" | "trustedProxies">;

/** Headers for the upstream. `client` is the address of the peer that called us, or empty when it is not known. */
export function requestHeaders(request: Request, url: URL, { client, scheme, trustedProxies }: Caller): Headers {
  const headers = new Headers(request.headers);
  const upgrade = headers.get("upgrade");
  clean(headers);
  for (const name of TAKEN_FOR_OTHERS) headers.delete(name);
  if (upgrade !== null && upgrade.toLowerCase() !== "websocket") headers.delete("upgrade");
  headers.append("via", VIA);
  // What stands before our own proxies' elements a caller has written, and who reads the first one would take it at its word.
  keepLast(headers, "x-forwarded-for", trustedProxies);
  if (trustedProxies === 0) for (const name of OF_TRUSTED_PROXIES) headers.delete(name);
  if (client !== "") headers.append("x-forwarded-for", client);
  headers.set("x-forwarded-host", url.host);
  headers.set("x-forwarded-proto", scheme);
  // Few proxies write this one: what came of it is the caller's, however many are trusted.
  headers.set("forwarded", `for=${nodeOf(client)};host="${url.host}";proto=${scheme}`);
  return headers;
}

/** Each proxy appends one element. */
function keepLast(headers: Headers, name: string, count: number): void {
  const value = headers.get(name);
  if (value === null) return;
  const elements = value.split(",");
  if (count === 0) headers.delete(name);
  else if (elements.length > count) headers.set(name, elements.slice(-count).join(",").trim());
}

/** Takes from `headers`, which came from an upstream, what was meant for us alone. */
export function cleanResponse(headers: Headers): void {
  clean(headers);
  headers.delete("upgrade");
  for (const name of Object.values(TRAVELLING_HEADERS)) headers.delete(name);
}

function clean(headers: Headers): void {
  const named = headers.get("connection");
  if (named !== null)
    for (const name of named.split(",")) {
      const option = name.trim().toLowerCase();
      // `close`, and things that are no header name at all, would make `delete` throw.
      if (!NEVER_NAMED.has(option) && /^[\w!#$%&'*+.^`|~-]+$/.test(option)) headers.delete(option);
    }
  for (const name of NEVER_PASSED_ON) headers.delete(name);
}

/** RFC 7239 §6: an IPv6 address stands quoted and in brackets. */
const nodeOf = (client: string): string =>
  client === "" ? "unknown" : client.includes(":") ? `"[${client}]"` : client;
