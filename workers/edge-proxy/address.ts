/** Whom a request is for: a host of the Gateways, or a service of the mesh by its own address (ARCHITECTURE.md, "Addresses"). */
import { isNamed, type Matcher } from "../../mesh/match.ts";

/** What the deployment knows of the connection that a request came in on, and the request does not say. */
export type Ingress = {
  /** What clients speak to this socket, whoever ends their TLS. */
  readonly scheme: "http" | "https";
  /** The listener port that this edge's socket stands for. */
  readonly port: number;
  /** Services answer at `<service>.<namespace>.<domain>`. */
  readonly domain: string;
  /** The namespace of the workload that calls, or empty when it is not known. */
  readonly caller: string;
  /** The peer's address, or empty where the runtime does not tell. */
  readonly client: string;
};

export type Address =
  | { readonly kind: "host"; readonly host: string; readonly path: string }
  | { readonly kind: "service"; readonly service: string; readonly port: number | undefined; readonly path: string };

/**
 * Host form: `<service>.<namespace>.<mesh domain>`. Path form, for edges with a single hostname: `/~<service>.<namespace>[:port]/…`.
 * The path form does not exist on hosts that a listener names: what a Gateway publishes is what its routes say, nothing else.
 */
export function addressOf(routes: Matcher, { port, domain }: Ingress, { hostname, pathname }: URL): Address {
  const host = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  if (host.endsWith(domain) && host.at(-domain.length - 1) === ".")
    return { kind: "service", service: host.slice(0, -domain.length - 1), port: undefined, path: pathname };
  if (pathname.startsWith("/~") && !isNamed(routes, port, host)) {
    const [, service, number, path] = /^\/~([^/:]+)(?::(\d{1,5}))?(\/.*)?$/.exec(pathname) ?? [];
    if (service !== undefined)
      return { kind: "service", service, port: number === undefined ? undefined : Number(number), path: path ?? "/" };
  }
  return { kind: "host", host, path: pathname };
}
