/** Under whose name a shard keeps a table: one listener's, or one port's of all services, and one caller's there. */
import type { ManifestListener } from "./manifest.ts";

export const listenerScope = ({ port, hostname, gateways }: ManifestListener): string =>
  `${port} ${hostname} ${gateways.join(" ")}`;

/** Without a port it is the service's first; without a consumer the routes are the service's own. */
export const serviceScope = (port: number | undefined, consumer = ""): string => `:${port ?? ""} ${consumer}`;

/** What `serviceScope` was made of; undefined for a listener's. */
export function servicePartsOf(scope: string): { readonly port?: number; readonly consumer: string } | undefined {
  const [, port, consumer] = /^:(\d*) (.*)$/.exec(scope) ?? [];
  if (port === undefined || consumer === undefined) return undefined;
  return { ...(port !== "" && { port: Number(port) }), consumer };
}
