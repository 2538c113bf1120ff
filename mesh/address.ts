/** Whom a request is for: a host of the Gateways, or a service of the mesh by its own address (ARCHITECTURE.md, "Addresses"). */
export type Address =
  | { readonly kind: "host"; readonly host: string; readonly path: string }
  | { readonly kind: "service"; readonly service: string; readonly port: number | undefined; readonly path: string };

/** Services answer at `<service>.<namespace>.<domain>`; `port` is the listener's. */
type Reached = { readonly port: number; readonly domain: string };

/**
 * Host form: `<service>.<namespace>.<mesh domain>`. Path form, for edges with a single hostname: `/~<service>.<namespace>[:port]/…`.
 * The path form does not exist on hosts that a listener names: what a Gateway publishes is what its routes say, nothing else.
 * `isNamed` tells of `routes` whether a listener of the port names the host. `hostname` is in the URL parser's form, `pathname` in the canonical one.
 */
export function addressOf<Routes>(
  routes: Routes,
  isNamed: (routes: Routes, port: number, host: string) => boolean,
  { port, domain }: Reached,
  hostname: string,
  pathname: string,
): Address {
  const host = hostOf(hostname);
  if (host.endsWith(domain) && host.at(-domain.length - 1) === ".")
    return { kind: "service", service: host.slice(0, -domain.length - 1), port: undefined, path: pathname };
  if (pathname.startsWith("/~") && !isNamed(routes, port, host)) {
    const [, service, number, path] = /^\/~([^/:]+)(?::(\d{1,5}))?(\/.*)?$/.exec(pathname) ?? [];
    if (service !== undefined)
      return { kind: "service", service, port: number === undefined ? undefined : Number(number), path: path ?? "/" };
  }
  return { kind: "host", host, path: pathname };
}

/** A name with its last dot and without is one host. */
export const hostOf = (hostname: string): string => (hostname.endsWith(".") ? hostname.slice(0, -1) : hostname);
