/** The mesh that the tests look at: two services, a split, an edge that is well and one that is not. */
import type { ChangeResponse, EdgesResponse, HistoryResponse, ResourcesResponse } from "../../mesh/api.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { statuses } from "../../mesh/compile/status.ts";
import { keyOf, type Resource } from "../../mesh/resources/resource.ts";
import type { Answer, Asked, Script } from "./fake-control.ts";

const HOUR = 3_600_000;
const HASH = "ab12cd34".repeat(8);
const OLD_HASH = "00ff00ff".repeat(8);

const ago = (hours: number): string => new Date(Date.now() - hours * HOUR - 1000).toISOString();

export const resources = (): Resource[] => [
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "public", namespace: "shop", creationTimestamp: ago(72), generation: 2 },
    spec: {
      gatewayClassName: "selvedge",
      listeners: [{ name: "http", port: 80, protocol: "HTTP", hostname: "shop.example" }],
    },
  },
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "storefront", namespace: "shop", creationTimestamp: ago(5) },
    spec: {
      parentRefs: [{ name: "public" }],
      hostnames: ["shop.example"],
      rules: [
        {
          backendRefs: [
            { group: "mesh.selvedge.dev", kind: "Backend", name: "catalog-v1", weight: 90 },
            { group: "mesh.selvedge.dev", kind: "Backend", name: "catalog-v2", weight: 10 },
          ],
        },
      ],
    },
  },
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "audit", namespace: "ops", creationTimestamp: ago(30) },
    spec: {
      parentRefs: [{ kind: "Service", group: "", name: "audit" }],
      rules: [{ backendRefs: [{ name: "audit", port: 8080 }] }],
    },
  },
  {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", creationTimestamp: ago(96) },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "catalog", namespace: "shop", creationTimestamp: ago(72) },
    spec: { ports: [{ name: "http", port: 8080 }] },
  },
  {
    apiVersion: "mesh.selvedge.dev/v1alpha1",
    kind: "Backend",
    metadata: {
      name: "catalog-v1",
      namespace: "shop",
      creationTimestamp: ago(72),
      annotations: { note: "on", "multi-line": "one\ntwo\n" },
    },
    spec: { endpoints: [{ url: "http://127.0.0.1:9001" }, { binding: "SERVICE_CATALOG", weight: 2 }] },
  },
  {
    apiVersion: "mesh.selvedge.dev/v1alpha1",
    kind: "Backend",
    metadata: { name: "catalog-v2", namespace: "shop", creationTimestamp: ago(5) },
    spec: { endpoints: [{ url: "http://127.0.0.1:9002" }] },
  },
  {
    apiVersion: "mesh.selvedge.dev/v1alpha1",
    kind: "TrafficPolicy",
    metadata: { name: "patience", namespace: "shop", creationTimestamp: ago(5) },
    spec: {
      targetRefs: [{ group: "mesh.selvedge.dev", kind: "Backend", name: "catalog-v1" }],
      timeouts: { request: "2s" },
    },
  },
];

/** As control filters: each of kind, namespace and name only when given. */
function resourcesAnswer({ path }: Asked): Answer {
  const query = new URL(path, "http://control").searchParams;
  const fits = (key: string, value: string | undefined) => !query.has(key) || query.get(key) === value;
  const all = resources();
  const found = statuses(compile(all).facts, { certificates: [], addresses: ["shop.example"], hostPreserving: [] });
  const items = all
    .filter(
      ({ kind, metadata: { namespace, name } }) =>
        fits("kind", kind) && fits("namespace", namespace) && fits("name", name),
    )
    .map((item) => ({ ...item, ...(found.has(keyOf(item)) && { status: found.get(keyOf(item)) }) }));
  return { body: { epoch: 12, items } satisfies ResourcesResponse };
}

export const edges = (): EdgesResponse => ({
  epoch: 12,
  hash: HASH,
  edges: [
    { id: "a1b2c3", name: "edge", colo: "AMS", epoch: 12, hash: HASH, source: "kv", ageMs: 4000 },
    { id: "d4e5f6", name: "edge", colo: "NRT", epoch: 11, hash: OLD_HASH, source: "cache", ageMs: 41_000 },
    { id: "99aabb", name: "edge", colo: "GRU", epoch: 11, hash: OLD_HASH, source: "kv", ageMs: 100 },
    {
      id: "0718ab",
      name: "edge-eu",
      colo: "FRA",
      epoch: 11,
      hash: OLD_HASH,
      source: "kv",
      ageMs: 12_000,
      nack: { epoch: 12, hash: HASH, reason: "hash mismatch\u001b]0;owned\u0007" },
    },
  ],
});

export const history = (): HistoryResponse => ({
  items: [
    {
      epoch: 12,
      hash: HASH,
      author: "ada",
      message: "shift 10 % to v2",
      at: Date.now() - 5 * HOUR - 1000,
      created: 1,
      configured: 2,
      deleted: 0,
    },
    {
      epoch: 11,
      hash: OLD_HASH,
      author: "grace",
      message: "",
      at: Date.now() - 72 * HOUR - 1000,
      created: 14,
      configured: 0,
      deleted: 3,
    },
  ],
});

export const changed: ChangeResponse = {
  epoch: 12,
  hash: HASH,
  changed: true,
  results: [
    { kind: "HTTPRoute", namespace: "shop", name: "storefront", action: "configured" },
    { kind: "Service", namespace: "shop", name: "catalog", action: "unchanged" },
    { kind: "Backend", namespace: "shop", name: "catalog-v2", action: "created" },
    { kind: "Backend", namespace: "shop", name: "catalog-v0", action: "deleted" },
  ],
  problems: [
    {
      severity: "warning",
      code: "dangling-reference",
      resource: "HTTPRoute shop/storefront",
      path: "spec.rules[0].backendRefs[2]",
      at: { file: "shop.yaml", line: 14, col: 11 },
      message: "no Backend shop/catalog-v3",
    },
  ],
};

export const unchanged: ChangeResponse = {
  epoch: 12,
  hash: HASH,
  changed: false,
  results: [{ kind: "Service", namespace: "shop", name: "catalog", action: "unchanged" }],
  problems: [],
};

export const script: Script = {
  "GET /v1/resources": resourcesAnswer,
  "GET /v1/edges": () => ({ body: edges() }),
  "GET /v1/history": () => ({ body: history() }),
  "POST /v1/apply": { body: changed },
};
