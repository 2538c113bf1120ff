/** What the simulated users apply: one mesh, in versions that differ in a mark that every request carries to its service. */

export const RATE = 30;
export const BURST = 30;
export const PERMITS = 4;
export const PROBES = 2;
/** Milliseconds. */
const LONGEST_CALL_MS = 1000;
/** The most that any request may take: each rule's timeout, and what the mesh may wait for its objects. */
export const REQUEST_MS = 3000;
/** By its upstreams, a request with all its retries, through every hop. */
export const MOST_ATTEMPTS = 4;
export const SERVICES = { catalog: 3, pay: 2, plain: 2, limited: 1, permits: 1, front: 2, leaf: 2 } as const;
export type Service = keyof typeof SERVICES;

const POLICIES: Readonly<Record<Service, string>> = {
  catalog: `
  timeouts: { request: ${REQUEST_MS}ms, firstByte: 1200ms }
  retry: { on: [5xx, reset, connect-failure], attempts: 3, backoff: { base: 20ms, max: 200ms } }
  breaker: { failures: 3, failureRatio: 0.3, window: 4s, openFor: 500ms, maxOpenFor: 500ms, probes: ${PROBES}, rampFor: 500ms }`,
  pay: `
  timeouts: { request: ${REQUEST_MS}ms, firstByte: 800ms }
  retry: { on: [5xx, reset, connect-failure], attempts: 3, backoff: { base: 20ms, max: 200ms } }`,
  plain: `
  timeouts: { request: ${REQUEST_MS}ms, firstByte: 500ms }
  retry: { on: [5xx, reset, connect-failure], attempts: 3, backoff: { base: 20ms, max: 200ms } }`,
  limited: `
  timeouts: { request: ${REQUEST_MS}ms }`,
  permits: `
  timeouts: { request: ${REQUEST_MS}ms }
  concurrency: { limit: ${PERMITS}, longestCall: ${LONGEST_CALL_MS}ms, onUnavailable: deny }`,
  front: `
  timeouts: { request: ${REQUEST_MS}ms }
  retry: { on: [5xx, reset, connect-failure], attempts: 3, backoff: { base: 20ms, max: 100ms } }`,
  leaf: `
  timeouts: { request: ${REQUEST_MS}ms, firstByte: 500ms }
  retry: { on: [5xx, reset, connect-failure], attempts: 3, backoff: { base: 20ms, max: 100ms } }`,
};

const service = (name: Service): string => `
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [${Array.from({ length: SERVICES[name] }, (_, index) => `{ url: "http://${name}-${index}.internal" }`).join(", ")}] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]${POLICIES[name]}`;

const route = (name: Service, mark: string): string => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [shop.test]
  rules:
  - matches: [{ path: { value: /${name} } }]
    filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-mark, value: "${mark}" }] } }]
    backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]`;

/** What another team applies, beside everything else. */
export const beside = (name: string): string => `apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "http://${name}.internal" }] }`;

/** Forbidden to everyone, whatever way it is spelt. */
export const FORBIDDEN = "/catalog/admin";

export const configuration = (mark: string): string =>
  `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  gatewayClassName: selvedge
  listeners: [{ name: http, port: 80, protocol: HTTP }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: limited, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: limited }]
  onUnavailable: deny
  limits: [{ name: all, requests: ${RATE}, window: 1s, burst: ${BURST} }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: IdempotencyPolicy
metadata: { name: pay, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: pay }]
  mode: Required
  executionTimeout: 3s
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: catalog }]
  action: DENY
  rules: [{ to: [{ operation: { paths: ["${FORBIDDEN}", "${FORBIDDEN}/{**}"] } }] }]` +
  (Object.keys(SERVICES) as Service[]).map((name) => service(name) + route(name, mark)).join("");

/** An epoch: the mark of its routes, and the names of the backends that others have applied beside them. */
export type Logged = { readonly epoch: number; readonly mark: string; readonly beside: readonly string[] };

/** Of one epoch, as control's log has it. */
export function logged({ epoch, bodies }: { readonly epoch: number; readonly bodies: readonly string[] }): Logged {
  const text = bodies.join("\n");
  const [, mark = ""] = /"x-mark","value":"(\w+)"/.exec(text) ?? [];
  return { epoch, mark, beside: [...text.matchAll(/"name":"(team-\d+)"/g)].map(([, name]) => name!) };
}
