import type { MakeLayer } from "../layer.ts";
import { changedPath } from "./path.ts";

const DEFAULT_PORT: Readonly<Record<string, string>> = { http: "80", https: "443" };

/** Gateway API's HTTPRequestRedirectFilter. What the filter leaves out is taken from the request. */
export const redirect: MakeLayer<"redirect"> =
  ({ status, scheme, hostname, port, path }) =>
  () =>
  (call) => {
    const url = new URL(call.request.url);
    const target = scheme ?? url.protocol.slice(0, -1);
    // Without a port of its own, a new scheme means that scheme's port; the same scheme stays on the port it came in on.
    const number = port === undefined ? (scheme === undefined ? url.port : "") : String(port);
    const suffix = number === "" || number === DEFAULT_PORT[target] ? "" : `:${number}`;
    const location = `${target}://${hostname ?? url.hostname}${suffix}${path ? changedPath(call, path) : call.path}${call.search}`;
    return Promise.resolve(new Response(null, { status, headers: { location } }));
  };
