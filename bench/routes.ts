/** Configurations of a given number of routes, as an operator would write them: many hosts, each with several paths. */
import { readFiles } from "../mesh/resources/read.ts";
import type { Resource } from "../mesh/resources/resource.ts";
import { type Candidate, EMPTY_SNAPSHOT, type RouteTable, type Snapshot } from "../mesh/snapshot.ts";

/** Gateway API allows so many rules to an HTTPRoute. */
export const RULES = 16;
const BACKENDS = 100;

/** The n-th rule's path. */
export const prefixOf = (n: number): string => `/api/v1/orders-${n % RULES}`;

/** The n-th rule: which host it belongs to, and a path that it matches. */
export const requestOf = (n: number): { readonly host: string; readonly path: string } => ({
  host: `shop-${Math.floor(n / RULES)}.bench.test`,
  path: `${prefixOf(n)}/8/items`,
});

/** The rule that gets the load. */
export const middle = (routes: number): number => Math.floor(routes / 2);

/** Hosts of which one has a limit and nothing else. */
export const LIMITED = { routes: 2 * RULES, free: 0, limited: RULES };
/** Likewise, with a TelemetryPolicy. */
export const OBSERVED = { routes: 2 * RULES, free: 0, observed: RULES };

/**
 * `policies` puts a deadline, a limit and a breaker around every route, and a header filter into each; `limited` a limit
 * around the routes of the host of `LIMITED.limited`, `observed` a TelemetryPolicy around those of `OBSERVED.observed`.
 */
export function manifests(
  routes: number,
  upstream: string,
  policies: boolean,
  { limited = false, observed = false }: { readonly limited?: boolean; readonly observed?: boolean } = {},
): string {
  const documents = [
    gateway,
    ...Array.from({ length: BACKENDS }, (_, n) => backend(n, upstream)),
    ...(policies ? [trafficPolicy, rateLimitPolicy("kind: Gateway, name: edge")] : []),
    ...(limited ? [rateLimitPolicy(`kind: HTTPRoute, name: shop-${LIMITED.limited / RULES}`)] : []),
    ...(observed ? [telemetryPolicy] : []),
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
    for (let n = first; n < Math.min(routes, first + RULES); n++) prefix[prefixOf(n)] = [{ rule: n }];
    hosts[requestOf(first).host] = { exact: {}, prefix };
  }
  return snapshotOf(hosts, routes);
}

const HEADER = "x-tenant";

/** Rules of one path that only the value of one header tells apart. */
export function headerTableOf(rules: number): Snapshot {
  const candidates = Array.from({ length: rules }, (_, rule): Candidate => ({
    rule,
    headers: [{ name: HEADER, value: tenantOf(rule) }],
  }));
  return snapshotOf({ [requestOf(0).host]: { exact: {}, prefix: { [prefixOf(0)]: candidates } } }, rules);
}

export const headerRequestOf = (
  n: number,
): ReturnType<typeof requestOf> & {
  readonly headers: Readonly<Record<string, string>>;
} => ({ ...requestOf(0), headers: { [HEADER]: tenantOf(n) } });

const tenantOf = (n: number): string => `tenant-${n}`;

const snapshotOf = (hosts: Readonly<Record<string, RouteTable>>, rules: number): Snapshot => ({
  ...EMPTY_SNAPSHOT,
  listeners: [{ gateways: ["bench/edge"], port: 80, hostname: "*.bench.test", hosts }],
  rules: Array.from({ length: rules }, (_, n) => ({ route: "", rule: String(n), layers: [], backends: [] })),
});

/** The header field in which a stamped route says which version of it answers. */
export const STAMP = "x-route-version";

/** HTTPRoutes of one rule each and a host each, and what they need: as many resources as routes. */
export const singles = (routes: number, upstream: string): string =>
  [
    gateway,
    ...Array.from({ length: BACKENDS }, (_, n) => backend(n, upstream)),
    ...Array.from({ length: routes }, (_, n) => single(n, 0)),
  ].join("---\n");

/** The n-th of them, as of a version. */
export const single = (n: number, version: number): string => `\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop-${n}, namespace: bench }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [shop-${n}.bench.test]
  rules:
    - matches: [{ path: { type: PathPrefix, value: ${prefixOf(0)} } }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: backend-${n % BACKENDS}, port: 80 }]
${version > 0 ? stamped(version) : ""}`;

const stamped = (version: number): string => `\
      filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier: { set: [{ name: ${STAMP}, value: "${version}" }] }
`;

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
const rateLimitPolicy = (target: string): string => `\
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: every, namespace: bench }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, ${target} }]
  limits: [{ name: client, key: [{ type: ClientAddress }], requests: 1000000 }]
`;

/** One trace in a hundred, and a line for each request. */
const telemetryPolicy = `\
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TelemetryPolicy
metadata: { name: observed, namespace: bench }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop-${OBSERVED.observed / RULES} }]
  tracing: { samplingPercent: 1 }
  accessLog: { requestHeaders: [authorization, x-request-id] }
`;
