import { DEFAULT_PORT, type MakeLayer } from "../layer.ts";
import { changedPath } from "./path.ts";

/** Gateway API's HTTPRequestRedirectFilter. What the filter leaves out is taken from the request. */
export const redirect: MakeLayer<"redirect"> =
  ({ status, scheme, hostname, port, path }) =>
  () =>
  (call) => {
    const url = new URL(call.request.url);
    const target = scheme ?? call.scheme;
    // Without a port of its own, a new scheme means that scheme's port; the same scheme stays on the port it came in on,
    // which the caller knows better than the listener where a port is mapped on the way.
    const number = port ?? (scheme === undefined ? Number(url.port) || call.port : DEFAULT_PORT[scheme]);
    const suffix = number === DEFAULT_PORT[target] ? "" : `:${number}`;
    const location = `${target}://${hostname ?? url.hostname}${suffix}${path ? changedPath(call, path) : call.path}${call.search}`;
    return Promise.resolve(new Response(null, { status, headers: { location } }));
  };
