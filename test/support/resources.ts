/** Resources as an operator writes them, and what compile makes of them, for tests that are about something else. */
import { stringify } from "yaml";
import { type Compiled, compile } from "../../mesh/compile/compile.ts";
import { formatProblem } from "../../mesh/problem.ts";
import { readFiles } from "../../mesh/resources/read.ts";
import type { Resource } from "../../mesh/resources/resource.ts";

export const GATEWAY_API = "gateway.networking.k8s.io";
export const SELVEDGE_API = "mesh.selvedge.dev";

/** YAML text, or values, read strictly: a test's own resource with a mistake in it fails the test. */
export function resources(...sources: readonly (string | object)[]): Resource[] {
  const files = sources.map((source, index) => ({
    name: `${index}.yaml`,
    text: typeof source === "string" ? source : stringify(source),
  }));
  const read = readFiles(files);
  const errors = read.problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(formatProblem).join("\n"));
  return read.resources;
}

export const compiled = (...sources: readonly (string | object)[]): Compiled => compile(resources(...sources));

const object =
  (apiVersion: string, kind: string) =>
  (name: string, spec: object, metadata: object = {}) => ({
    apiVersion,
    kind,
    metadata: { name, ...metadata },
    spec,
  });

export const gateway = object(`${GATEWAY_API}/v1`, "Gateway");
export const gatewayClass = object(`${GATEWAY_API}/v1`, "GatewayClass");
export const listenerSet = object(`${GATEWAY_API}/v1`, "ListenerSet");
export const route = object(`${GATEWAY_API}/v1`, "HTTPRoute");
export const grant = object(`${GATEWAY_API}/v1`, "ReferenceGrant");
export const service = object("v1", "Service");
export const trafficPolicy = object(`${SELVEDGE_API}/v1alpha1`, "TrafficPolicy");
export const rateLimitPolicy = object(`${SELVEDGE_API}/v1alpha1`, "RateLimitPolicy");
export const authorizationPolicy = object(`${SELVEDGE_API}/v1alpha1`, "AuthorizationPolicy");
export const authenticationPolicy = object(`${SELVEDGE_API}/v1alpha1`, "AuthenticationPolicy");
export const idempotencyPolicy = object(`${SELVEDGE_API}/v1alpha1`, "IdempotencyPolicy");
export const telemetryPolicy = object(`${SELVEDGE_API}/v1alpha1`, "TelemetryPolicy");
export const backendOf = object(`${SELVEDGE_API}/v1alpha1`, "Backend");

export const backend = (name: string, metadata: object = {}, url = `https://${name}.internal`) =>
  backendOf(name, { endpoints: [{ url }] }, metadata);

export const namespace = (name: string, labels: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});

export const slice = (name: string, serviceName: string, body: object, metadata: object = {}) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name, labels: { "kubernetes.io/service-name": serviceName }, ...metadata },
  ...body,
});

/** A Gateway with the one listener that most tests need: HTTP on port 80, any host, routes of its own namespace. */
export const front = (listener: object = {}, metadata: object = {}) =>
  gateway(
    "front",
    { gatewayClassName: "selvedge", listeners: [{ name: "http", port: 80, protocol: "HTTP", ...listener }] },
    metadata,
  );

/** A backendRef to a Backend. */
export const to = (name: string, more: object = {}) => ({ group: SELVEDGE_API, kind: "Backend", name, ...more });
