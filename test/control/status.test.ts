import { reset } from "cloudflare:test";
import { beforeEach, expect, it } from "vitest";
import type { ResourcesResponse } from "../../mesh/api.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { apply, applying, accepted, get, send, sendWith } from "./client.ts";

beforeEach(() => reset());

const gateway = (certificate: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: selvedge
  listeners:
    - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: ${certificate}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec: {parentRefs: [{name: front}], rules: [{backendRefs: [{name: gone, port: 80}]}]}
`;

type Conditions = readonly { readonly type: string; readonly status: string; readonly observedGeneration: number }[];
type Status = {
  readonly conditions: Conditions;
  readonly addresses: readonly object[];
  readonly listeners: readonly { readonly attachedRoutes: number; readonly conditions: Conditions }[];
};
const statusOf = (item: Resource | undefined) => item?.["status"] as Status;
const shown = (conditions: Conditions) =>
  conditions.map(({ type, status, observedGeneration }) => `${type} ${status} ${observedGeneration}`);

it("gives each resource its status, of its generation", async () => {
  await apply(gateway("a"));
  await apply(gateway("b"));
  const { items } = await get<ResourcesResponse>("/v1/resources");
  const [front, shop] = items;
  expect(front?.metadata.generation).toBe(2);
  expect(shown(statusOf(front).conditions)).toEqual(["Accepted True 2", "Programmed False 2"]);
  expect(statusOf(front).listeners[0]?.attachedRoutes).toBe(1);
  expect(shop?.["status"]).toMatchObject({
    parents: [
      {
        controllerName: "mesh.selvedge.dev/edge",
        conditions: [
          { type: "Accepted", status: "True", observedGeneration: 1 },
          { type: "ResolvedRefs", status: "False", reason: "BackendNotFound" },
        ],
      },
    ],
  });
});

it("follows the epoch", async () => {
  const attached = async () => {
    const { items } = await get<ResourcesResponse>("/v1/resources?kind=Gateway");
    return statusOf(items[0]).listeners[0]?.attachedRoutes;
  };
  await apply(gateway("a"));
  expect(await attached()).toBe(1);
  await apply(gateway("a").split("---")[0] ?? "", { prune: true });
  expect(await attached()).toBe(0);
});

it("takes certificates and addresses from the deployment", async () => {
  const deployment = { CERTIFICATES: "default/a, vault/b", EDGE_ADDRESSES: "shop.example,192.0.2.1" };
  // Another name than the other tests': what one isolate has computed it keeps.
  await accepted(await sendWith(deployment, "/v1/apply", applying(gateway("a").replace("name: shop", "name: store"))));
  const { items } = await (await sendWith(deployment, "/v1/resources?kind=Gateway")).json<ResourcesResponse>();
  expect(shown(statusOf(items[0]).conditions)).toEqual(["Accepted True 1", "Programmed True 1"]);
  expect(statusOf(items[0]).addresses).toEqual([
    { type: "Hostname", value: "shop.example" },
    { type: "IPAddress", value: "192.0.2.1" },
  ]);
});

it.each([
  ["", []],
  ["?kind=GatewayClass", ["selvedge"]],
  ["?kind=GatewayClass&name=selvedge", ["selvedge"]],
  ["?kind=GatewayClass&name=other", []],
  ["?kind=GatewayClass&namespace=default", []],
])("shows the built-in class to who asks for classes: %s", async (query, names) => {
  const { items } = await (await send(`/v1/resources${query}`)).json<ResourcesResponse>();
  expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
  for (const item of items)
    expect(shown(statusOf(item).conditions)).toEqual(["Accepted True 1", "SupportedVersion True 1"]);
});

it("shows the built-in class once where someone wrote it down too", async () => {
  await apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: selvedge}
spec: {controllerName: mesh.selvedge.dev/edge}
`);
  const { items } = await get<ResourcesResponse>("/v1/resources?kind=GatewayClass");
  expect(items.map(({ metadata }) => metadata.generation)).toEqual([1]);
});

it("is dropped when what was shown is applied again", async () => {
  await apply(gateway("a"));
  const { items } = await get<ResourcesResponse>("/v1/resources");
  const again = await apply(JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  expect(again.changed).toBe(false);
});
