import { locationOf } from "../../../mesh/redirect.ts";
import type { MakeLayer } from "../layer.ts";

export const redirect: MakeLayer<"redirect"> = (policy) => () => (call) => {
  const { hostname, port } = new URL(call.request.url);
  const { scheme, path, prefix, search } = call;
  // The caller knows the port better than the listener where a port is mapped on the way.
  const location = locationOf(policy, { scheme, hostname, port: Number(port) || call.port, path, prefix, search });
  return Promise.resolve(new Response(null, { status: policy.status, headers: { location } }));
};
