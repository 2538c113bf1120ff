/** Configurations of a given number of routes, as an operator would write them: many hosts, each with several paths. */
import { readFiles } from "../mesh/resources/read.ts";
import type { Resource } from "../mesh/resources/resource.ts";
import { type Candidate, EMPTY_SNAPSHOT, type RouteTable, type Snapshot } from "../mesh/snapshot.ts";

/** Gateway API allows so many rules to an HTTPRoute. */
export const RULES = 16;
const BACKENDS = 100;

/** The n-th rule: which host it belongs to, and a path that it matches. */
export const requestOf = (n: number): { readonly host: string; readonly path: string } => ({
  host: `shop-${Math.floor(n / RULES)}.bench.test`,
  path: `/api/v1/orders-${n % RULES}/8/items`,
});

/** The rule that gets the load. */
export const middle = (routes: number): number => Math.floor(routes / 2);

/** `policies` puts a deadline, a limit and a breaker around every route, and a header filter into each. */
export function manifests(routes: number, upstream: string, policies: boolean): string {
  const documents = [
    gateway,
    ...Array.from({ length: BACKENDS }, (_, n) => backend(n, upstream)),
    ...(policies ? [trafficPolicy, rateLimitPolicy] : []),
    ...Array.from({ length: Math.ceil(routes / RULES) }, (_, n) =>
      httpRoute(n, Math.min(RULES, routes - n * RULES), policies),
    ),
  ];
  return documents.join("---\n");
}

/** The same, read but not yet compiled. */
export const resourcesOf = (routes: number, policies = true): readonly Resource[] =>
  readFiles([{ name: "bench.yaml", text: manifests(routes, "http://127.0.0.1:1", policies) }]).resources;

/** The same routes as compile would lay them out, as far as matching looks. */
export function tablesOf(routes: number): Snapshot {
  const hosts: Record<string, RouteTable> = {};
  for (let first = 0; first < routes; first += RULES) {
    const prefix: Record<string, Candidate[]> = {};
    for (let n = first; n < Math.min(routes, first + RULES); n++) prefix[`/api/v1/orders-${n % RULES}`] = [{ rule: n }];
    hosts[requestOf(first).host] = { exact: {}, prefix };
  }
  const rules = Array.from({ length: routes }, (_, n) => ({ route: "", rule: String(n), layers: [], backends: [] }));
  return {
    ...EMPTY_SNAPSHOT,
    listeners: [{ gateways: ["bench/edge"], port: 80, hostname: "*.bench.test", hosts }],
    rules,
  };
}

const gateway = `\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: bench }
spec:
  gatewayClassName: selvedge
  listeners: [{ name: http, port: 80, protocol: HTTP, hostname: "*.bench.test" }]
`;

const backend = (n: number, upstream: string): string => `\
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: backend-${n}, namespace: bench }
spec: { endpoints: [{ url: "${upstream}" }] }
`;

const httpRoute = (n: number, rules: number, filtered: boolean): string => `\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop-${n}, namespace: bench }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [shop-${n}.bench.test]
  rules:
${Array.from({ length: rules }, (_, rule) => httpRule(rule, (n * RULES + rule) % BACKENDS, filtered)).join("")}`;

const httpRule = (rule: number, to: number, filtered: boolean): string => `\
    - matches: [{ path: { type: PathPrefix, value: /api/v1/orders-${rule} } }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: backend-${to}, port: 80 }]
${filtered ? filters : ""}`;

const filters = `\
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier: { set: [{ name: x-tenant, value: bench }], remove: [x-debug] }
`;

const trafficPolicy = `\
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: every, namespace: bench }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  timeouts: { request: 30s }
  breaker: {}
`;

/** Far above what any machine sends. */
const rateLimitPolicy = `\
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: every, namespace: bench }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  limits: [{ name: client, key: [{ type: ClientAddress }], requests: 1000000 }]
`;
