/** One valid resource of every kind, with about every field that the kind has. */
import type { KindName } from "../../mesh/resources/kinds.ts";

const GATEWAY_API = "gateway.networking.k8s.io";
const SELVEDGE_API = "mesh.selvedge.dev";
const metadata = { name: "a", namespace: "shop", labels: { tier: "web" }, annotations: { note: "text" } };
const selector = { matchLabels: { tier: "web" }, matchExpressions: [{ key: "team", operator: "In", values: ["a"] }] };
const listener = {
  name: "https",
  hostname: "*.shop.example",
  port: 443,
  protocol: "HTTPS",
  tls: { mode: "Terminate", certificateRefs: [{ kind: "Secret", name: "cert" }] },
  allowedRoutes: {
    namespaces: { from: "Selector", selector },
    kinds: [{ group: GATEWAY_API, kind: "HTTPRoute" }],
  },
};
const headerChanges = {
  set: [{ name: "X-Set", value: "1" }],
  add: [{ name: "X-Add", value: "1" }],
  remove: ["X-Gone"],
};
const targetRefs = [{ group: GATEWAY_API, kind: "HTTPRoute", name: "a", sectionName: "one" }];

export const EXAMPLES: Readonly<Record<KindName, Readonly<Record<string, unknown>>>> = {
  GatewayClass: {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: "GatewayClass",
    metadata: { name: "edge" },
    spec: {
      controllerName: "mesh.selvedge.dev/edge",
      parametersRef: { group: "example.com", kind: "Parameters", name: "p" },
      description: "ours",
    },
  },
  Gateway: {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: "Gateway",
    metadata,
    spec: {
      gatewayClassName: "selvedge",
      listeners: [listener],
      addresses: [{ type: "IPAddress", value: "192.0.2.1" }],
      infrastructure: { parametersRef: { group: "example.com", kind: "Parameters", name: "p" } },
      allowedListeners: { namespaces: { from: "Same" } },
      tls: { backend: { clientCertificateRef: { name: "client" } } },
    },
  },
  ListenerSet: {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: "ListenerSet",
    metadata,
    spec: { parentRef: { name: "a" }, listeners: [listener] },
  },
  HTTPRoute: {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: "HTTPRoute",
    metadata,
    spec: {
      parentRefs: [{ group: GATEWAY_API, kind: "Gateway", name: "a", sectionName: "https", port: 443 }],
      hostnames: ["shop.example", "*.shop.example"],
      rules: [
        {
          name: "one",
          matches: [
            {
              path: { type: "PathPrefix", value: "/cart" },
              headers: [{ name: "X-Version", value: "2" }],
              queryParams: [{ name: "v", value: "2" }],
              method: "GET",
            },
          ],
          filters: [
            { type: "RequestHeaderModifier", requestHeaderModifier: headerChanges },
            { type: "ResponseHeaderModifier", responseHeaderModifier: headerChanges },
            {
              type: "URLRewrite",
              urlRewrite: {
                hostname: "a.example",
                path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/basket" },
              },
            },
            { type: "RequestMirror", requestMirror: { backendRef: { name: "b", port: 80 }, percent: 5 } },
            { type: "CORS", cors: { allowOrigins: ["https://a.example"], maxAge: 60 } },
            { type: "ExtensionRef", extensionRef: { group: "example.com", kind: "Filter", name: "f" } },
          ],
          backendRefs: [
            {
              group: SELVEDGE_API,
              kind: "Backend",
              name: "b",
              weight: 2,
              filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: headerChanges }],
            },
          ],
          timeouts: { request: "10s", backendRequest: "2s" },
          retry: { codes: [503], attempts: 2, backoff: "100ms" },
          sessionPersistence: {
            type: "Cookie",
            absoluteTimeout: "1h",
            idleTimeout: "5m",
            cookie: { name: "session", lifetimeType: "Permanent" },
          },
        },
        {
          filters: [{ type: "RequestRedirect", requestRedirect: { scheme: "https", port: 443, statusCode: 301 } }],
        },
        { sessionPersistence: { type: "Header", header: { name: "X-Session" } } },
        { sessionPersistence: { sessionName: "s", cookieConfig: { lifetimeType: "Session" } } },
      ],
    },
  },
  ReferenceGrant: {
    apiVersion: `${GATEWAY_API}/v1beta1`,
    kind: "ReferenceGrant",
    metadata,
    spec: {
      from: [{ group: GATEWAY_API, kind: "HTTPRoute", namespace: "web" }],
      to: [{ group: "", kind: "Service", name: "cart" }],
    },
  },
  Namespace: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" }, spec: { finalizers: ["kubernetes"] } },
  Service: {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: {
      type: "ClusterIP",
      ports: [{ name: "http", port: 80, targetPort: "web", protocol: "TCP", appProtocol: "http" }],
    },
  },
  EndpointSlice: {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready: true, serving: true, terminating: false }, zone: "a" }],
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  },
  Backend: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "Backend",
    metadata,
    spec: { endpoints: [{ url: "https://a.example:8443/base", weight: 3 }, { binding: "SERVICE_CART" }] },
  },
  TrafficPolicy: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "TrafficPolicy",
    metadata,
    spec: {
      targetRefs,
      timeouts: { request: "10s" },
      concurrency: { limit: 100, longestCall: "30s", onUnavailable: "deny" },
      adaptiveConcurrency: { minLimit: 3, maxLimit: 1000, tolerance: 1.25, measureEvery: "30s" },
      outlierEjection: {
        failures: 5,
        ejectFor: "30s",
        maxEjectFor: "5m",
        maxEjected: 0.5,
        successRate: { interval: "10s", minEndpoints: 5, minRequests: 20, stdevFactor: 1.9 },
      },
      breaker: { failures: 5, failureRatio: 0.5, window: "10s", openFor: "1s", maxOpenFor: "30s", probes: 1 },
    },
  },
  RateLimitPolicy: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "RateLimitPolicy",
    metadata,
    spec: {
      targetRefs,
      limits: [
        {
          name: "each",
          key: [{ type: "ClientAddress" }, { type: "Header", name: "X-Key" }],
          requests: 10,
          window: "1s",
          burst: 5,
        },
        {
          name: "tenant",
          key: [
            { type: "Claim", claim: ["org", "id"] },
            { type: "Identity" },
            { type: "Method" },
            { type: "Path", templates: ["/users/{user}/{**}"] },
          ],
          requests: 10,
          window: "1s",
          mode: "bounded",
          overdraft: 2,
        },
        { name: "upload", bytes: 1_000_000, mode: "local" },
        { name: "weighed", units: 100, cost: "size(request.path)" },
      ],
      onUnavailable: "deny",
      exempt: {
        principals: ["mesh.internal/ns/ops/sa/*"],
        namespaces: ["ops"],
        clientBlocks: ["10.0.0.0/8"],
        condition: 'request.method == "OPTIONS"',
      },
      dryRun: false,
    },
  },
  AuthenticationPolicy: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "AuthenticationPolicy",
    metadata,
    spec: {
      targetRefs,
      required: true,
      jwtRules: [
        {
          issuer: "https://issuer.example",
          audiences: ["shop"],
          jwksUri: "https://issuer.example/jwks.json",
          fromHeaders: [{ name: "Authorization", prefix: "Bearer " }],
          fromCookies: ["token"],
          fromParams: ["access_token"],
          outputClaimToHeaders: [{ header: "X-User", claim: "sub" }],
          forwardOriginalToken: true,
          clockSkew: "30s",
        },
      ],
    },
  },
  AuthorizationPolicy: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "AuthorizationPolicy",
    metadata,
    spec: {
      targetRefs,
      action: "ALLOW",
      dryRun: true,
      trustedProxies: 1,
      rules: [
        {
          name: "web",
          from: [
            { source: { principals: ["*/ns/shop/sa/web"], notNamespaces: ["test"], remoteIpBlocks: ["10.0.0.0/8"] } },
          ],
          to: [{ operation: { hosts: ["shop.example"], methods: ["GET"], paths: ["/cart/{*}"], notPorts: ["80"] } }],
          when: [{ key: "request.auth.claims[group]", values: ["staff"] }],
          condition: 'request.path.startsWith("/cart")',
        },
      ],
    },
  },
  IdempotencyPolicy: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "IdempotencyPolicy",
    metadata,
    spec: {
      targetRefs,
      mode: "Required",
      header: "Idempotency-Key",
      methods: ["POST"],
      callerHeaders: ["Authorization", "X-Tenant"],
      upstream: "Idempotent",
      unprocessed: [408, 425, 429, 503],
      executionTimeout: "20s",
      retention: "48h",
      maxRequest: 65_536,
      maxResponse: 2_097_152,
      shards: 16,
      onUnavailable: "allow",
    },
  },
  TelemetryPolicy: {
    apiVersion: `${SELVEDGE_API}/v1alpha1`,
    kind: "TelemetryPolicy",
    metadata,
    spec: {
      targetRefs,
      tracing: { samplingPercent: 0.5, keepErrors: true, keepSlowerThan: "2s" },
      accessLog: {
        filter: 'response.status >= 400 || request.path.startsWith("/pay")',
        samplingPercent: { success: 10, clientError: 50, serverError: 100 },
        requestHeaders: ["x-tenant"],
        responseHeaders: ["content-type"],
        redact: ["card"],
      },
    },
  },
  GRPCRoute: { apiVersion: `${GATEWAY_API}/v1`, kind: "GRPCRoute", metadata, spec: {} },
  TCPRoute: { apiVersion: `${GATEWAY_API}/v1alpha2`, kind: "TCPRoute", metadata, spec: {} },
  TLSRoute: { apiVersion: `${GATEWAY_API}/v1`, kind: "TLSRoute", metadata, spec: {} },
  UDPRoute: { apiVersion: `${GATEWAY_API}/v1alpha2`, kind: "UDPRoute", metadata, spec: {} },
  BackendTLSPolicy: { apiVersion: `${GATEWAY_API}/v1`, kind: "BackendTLSPolicy", metadata, spec: {} },
};
