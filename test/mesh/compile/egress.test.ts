import { expect, it } from "vitest";
import { compile } from "../../../mesh/compile/compile.ts";
import { reservedAddresses } from "../../../mesh/compile/egress.ts";
import { readFiles } from "../../../mesh/resources/read.ts";

const resourcesOf = (text: string) => readFiles([{ name: "x.yaml", text }]).resources;
const backend = (spec: string) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: b, namespace: shop }
spec: ${spec}
`;
const found = (text: string) =>
  [...reservedAddresses(resourcesOf(text))].map(({ resource, path }) => `${resource} ${path}`);

it.each([
  [
    "a Backend's URL",
    backend('{ endpoints: [{ url: "https://shop.example" }, { url: "http://127.0.0.1:80/x" }] }'),
    ["Backend shop/b spec.endpoints[1].url"],
  ],
  ["an IPv6 address", backend('{ endpoints: [{ url: "http://[::1]:80" }] }'), ["Backend shop/b spec.endpoints[0].url"]],
  [
    "one that the Backend allows by name",
    backend('{ endpoints: [{ url: "http://[::1]:80" }], allowReserved: ["[::1]"] }'),
    [],
  ],
  ["a binding", backend("{ endpoints: [{ binding: SERVICE_X }] }"), []],
  [
    "an EndpointSlice",
    `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: s, namespace: shop, labels: { kubernetes.io/service-name: s } }
addressType: IPv4
ports: [{ port: 80 }]
endpoints: [{ addresses: [10.0.0.1] }, { addresses: [169.254.169.254] }]
`,
    ["EndpointSlice shop/s endpoints[1].addresses[0]"],
  ],
  [
    "an external name",
    `
apiVersion: v1
kind: Service
metadata: { name: s, namespace: shop }
spec: { type: ExternalName, externalName: metadata.google.internal, ports: [{ port: 80 }] }
`,
    ["Service shop/s spec.externalName"],
  ],
])("finds %s", (_, text, problems) => {
  expect(found(text)).toEqual(problems);
});

it("marks for the edge what it finds, and nothing else", () => {
  const text = backend('{ endpoints: [{ url: "http://127.0.0.1:1" }, { url: "http://10.0.0.1:1" }] }');
  expect(compile(resourcesOf(text)).snapshot.backends[0]?.endpoints).toMatchObject([
    { origin: "http://127.0.0.1:1", reserved: true },
    { origin: "http://10.0.0.1:1" },
  ]);
  const allowed = backend('{ endpoints: [{ url: "http://127.0.0.1:1" }], allowReserved: ["127.0.0.1"] }');
  expect(compile(resourcesOf(allowed)).snapshot.backends[0]?.endpoints[0]).not.toHaveProperty("reserved");
});
