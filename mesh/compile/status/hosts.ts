/** Which Host endpoints see. fetch takes it from the URL; a binding reaches an endpoint whatever the URL says, and keeps the request's. */
import { addressOf, type Backend, type Endpoint } from "../../snapshot.ts";
import type { Deployment } from "./deployment.ts";

/** `Request`: as the request came, or as a filter rewrote it. `Endpoint`: the endpoint's own address. */
export type HostHeader = { readonly seen: "Request" | "Endpoint" | "Mixed"; readonly message: string };

const CARRIED = "the request's is in X-Forwarded-Host and Forwarded";
/** Of thousands of endpoints, enough to look them up by. */
const NAMED = 3;

/** Undefined where nothing is there to see one. */
export function hostHeader(backends: readonly Backend[], deployment: Deployment): HostHeader | undefined {
  const endpoints = backends.flatMap((backend) => backend.endpoints);
  if (endpoints.length === 0) return undefined;
  const others = endpoints.filter((endpoint) => !keepsHost(endpoint, deployment));
  if (others.length === 0)
    return { seen: "Request", message: "endpoints are reached by bindings, which keep the Host" };
  if (others.length === endpoints.length)
    return { seen: "Endpoint", message: `fetch takes Host from the endpoint's URL; ${CARRIED}` };
  const addresses = [...new Set(others.map(addressOf))];
  const more = addresses.length > NAMED ? ` and ${addresses.length - NAMED} more` : "";
  return {
    seen: "Mixed",
    message: `fetch takes Host from the URL of ${addresses.slice(0, NAMED).join(", ")}${more}; ${CARRIED}`,
  };
}

const keepsHost = (endpoint: Endpoint, { hostPreserving }: Deployment): boolean =>
  endpoint.kind === "binding" || hostPreserving.includes(endpoint.origin);
