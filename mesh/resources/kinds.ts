/** Every kind that Selvedge takes, in the order in which `selvedge get all` shows them. */
import { z } from "zod";
import { authenticationPolicy } from "./authentication-policy.ts";
import { authorizationPolicy } from "./authorization-policy.ts";
import { backend } from "./backend.ts";
import { endpointSlice, namespace, service } from "./core.ts";
import { gateway } from "./gateway.ts";
import { gatewayClass } from "./gateway-class.ts";
import { httpRoute } from "./http-route.ts";
import type { Kind } from "./kind.ts";
import { idempotencyPolicy } from "./idempotency-policy.ts";
import { listenerSet } from "./listener-set.ts";
import { rateLimitPolicy } from "./rate-limit-policy.ts";
import { referenceGrant } from "./reference-grant.ts";
import { telemetryPolicy } from "./telemetry-policy.ts";
import { trafficPolicy } from "./traffic-policy.ts";
import { backendTlsPolicy, grpcRoute, tcpRoute, tlsRoute, udpRoute } from "./uncarried.ts";

export const SCHEMAS = {
  GatewayClass: gatewayClass,
  Gateway: gateway,
  ListenerSet: listenerSet,
  HTTPRoute: httpRoute,
  ReferenceGrant: referenceGrant,
  Namespace: namespace,
  Service: service,
  EndpointSlice: endpointSlice,
  Backend: backend,
  TrafficPolicy: trafficPolicy,
  RateLimitPolicy: rateLimitPolicy,
  AuthenticationPolicy: authenticationPolicy,
  AuthorizationPolicy: authorizationPolicy,
  IdempotencyPolicy: idempotencyPolicy,
  TelemetryPolicy: telemetryPolicy,
  GRPCRoute: grpcRoute,
  TCPRoute: tcpRoute,
  TLSRoute: tlsRoute,
  UDPRoute: udpRoute,
  BackendTLSPolicy: backendTlsPolicy,
} as const;

export type KindName = keyof typeof SCHEMAS;

/** A resource of a kind as its schema gives it: every default filled in. */
export type Parsed<K extends KindName> = z.output<(typeof SCHEMAS)[K]["schema"]>;

export const KINDS: readonly Kind[] = Object.values(SCHEMAS) as unknown as readonly Kind[];

/** By any name that kubectl would take: `HTTPRoute`, `httproute`, `httproutes`, `hr`, `httproutes.gateway.networking.k8s.io`. */
export function findKind(word: string): Kind | undefined {
  const [name = "", ...group] = word.toLowerCase().split(".");
  return KINDS.find(
    (kind) =>
      (name === kind.singular || name === kind.plural || kind.shortNames.includes(name)) &&
      (group.length === 0 || group.join(".") === kind.group),
  );
}

/**
 * Kinds that stand in the same files on a cluster and mean nothing here. They are passed over with a warning, so that
 * a directory made for kubectl applies as it is.
 */
export const FOREIGN_KINDS: Readonly<Record<string, string>> = {
  Secret: "secrets are never stored in the configuration: set them on the Worker with `wrangler secret put`",
  ConfigMap: "the mesh does not configure workloads",
  Deployment: "the mesh does not run workloads: give their addresses as a Backend or an EndpointSlice",
  StatefulSet: "the mesh does not run workloads: give their addresses as a Backend or an EndpointSlice",
  DaemonSet: "the mesh does not run workloads: give their addresses as a Backend or an EndpointSlice",
  Pod: "the mesh does not run workloads: give their addresses as a Backend or an EndpointSlice",
  Job: "the mesh does not run workloads",
  ServiceAccount: "identity does not come from the cluster here",
};
