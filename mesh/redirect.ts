import { changedPath } from "./path-change.ts";
import type { Redirect } from "./snapshot.ts";

/** The port that a scheme's URLs leave out. */
export const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** What a redirect takes over where its filter says nothing. */
export type Redirected = {
  readonly scheme: "http" | "https";
  readonly hostname: string;
  /** The port that the caller named or, where it named none, that its request came in on. */
  readonly port: number;
  readonly path: string;
  readonly prefix?: string | undefined;
  /** Empty, or begins with `?`. */
  readonly search: string;
};

/** Gateway API's HTTPRequestRedirectFilter: the `Location` of its answer. */
export function locationOf({ scheme, hostname, port, path }: Redirect, from: Redirected): string {
  const target = scheme ?? from.scheme;
  // Without a port of its own, a new scheme means that scheme's port; the same scheme stays on the port it came in on.
  const number = port ?? (scheme === undefined ? from.port : DEFAULT_PORT[scheme]);
  const suffix = number === DEFAULT_PORT[target] ? "" : `:${number}`;
  return `${target}://${hostname ?? from.hostname}${suffix}${path ? changedPath(from, path) : from.path}${from.search}`;
}
