/**
 * What the mesh made of each resource, in the shape that Kubernetes gives `status`. Computed from the facts that compile
 * found on the way to the tables, so status cannot say what the edge does not do.
 */
import type { Problem } from "../problem.ts";
import { SCHEMAS } from "../resources/kinds.ts";
import { keyOf, type Resource } from "../resources/resource.ts";
import type { Facts } from "./compile.ts";
import { POLICY_KINDS } from "./policies.ts";
import { backendStatus, routedServices, serviceStatus } from "./status/backends.ts";
import type { Deployment } from "./status/deployment.ts";
import { attachedRoutes, gatewayClassStatus, gatewayStatus, listenerSetStatus } from "./status/gateways.ts";
import { policyStatus, uncarriedPolicyStatus } from "./status/policies.ts";
import { httpRouteStatus, uncarriedRouteStatus } from "./status/routes.ts";

export type Status = Readonly<Record<string, unknown>>;

/** By the resource's `keyOf`. Kinds that only others read (Namespace, ReferenceGrant, EndpointSlice) have no status. */
export function statuses(facts: Facts, deployment: Deployment): ReadonlyMap<string, Status> {
  const { all, problems } = facts.model;
  const found = new Map<string, Status>();
  const put = (item: object, status: Status) => found.set(keyOf(item as Resource), status);
  const routes = attachedRoutes(facts);
  const problemsOf = Map.groupBy(problems, ({ resource = "" }: Problem) => resource);

  for (const item of all("GatewayClass")) put(item, gatewayClassStatus(item));
  for (const item of all("Gateway")) put(item, gatewayStatus(facts, deployment, routes, item));
  for (const item of all("ListenerSet")) put(item, listenerSetStatus(facts, deployment, routes, item));
  for (const item of all("HTTPRoute")) put(item, httpRouteStatus(facts, deployment, problemsOf, item));
  for (const kind of ["GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"] as const)
    for (const item of all(kind)) put(item, uncarriedRouteStatus(item, SCHEMAS[kind].uncarried ?? ""));
  for (const kind of POLICY_KINDS) for (const item of all(kind)) put(item, policyStatus(facts, item));
  for (const item of all("BackendTLSPolicy"))
    put(item, uncarriedPolicyStatus(item, SCHEMAS.BackendTLSPolicy.uncarried ?? ""));
  const routed = routedServices(facts);
  for (const item of all("Service")) put(item, serviceStatus(facts, deployment, routed, item));
  for (const item of all("Backend")) put(item, backendStatus(facts, deployment, item));
  return found;
}
