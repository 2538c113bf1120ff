import { expect, it } from "vitest";
import { compiled, gateway, gatewayClass, route, service } from "../../support/resources.ts";

const found = (...sources: object[]): string[] =>
  compiled(...sources)
    .problems.filter(({ code }) => code === "not-carried")
    .map(({ resource, path }) => `${resource} ${path}`);

const of = (more: object, listener: object = {}) =>
  gateway("front", {
    gatewayClassName: "selvedge",
    listeners: [{ name: "http", port: 80, protocol: "HTTP", ...listener }],
    ...more,
  });
const parametersRef = { group: "example.com", kind: "Config", name: "c" };
const ports = [{ port: 80 }];

it.each<[source: object, expected: string | undefined]>([
  [of({}), undefined],
  [of({ infrastructure: { parametersRef } }), "Gateway default/front spec.infrastructure.parametersRef"],
  [of({ infrastructure: { labels: { a: "b" } } }), "Gateway default/front spec.infrastructure"],
  [of({ tls: { frontend: { default: {} } } }), "Gateway default/front spec.tls.frontend"],
  [of({ tls: { backend: {} } }), "Gateway default/front spec.tls.backend"],
  [of({ defaultScope: "All" }), "Gateway default/front spec.defaultScope"],
  [of({ defaultScope: "None" }), undefined],
  [of({}, { protocol: "HTTPS", tls: { options: { a: "b" } } }), "Gateway default/front spec.listeners[0].tls.options"],
  [gatewayClass("c", { controllerName: "mesh.selvedge.dev/edge", parametersRef }), "GatewayClass c spec.parametersRef"],
  [route("r", { useDefaultGateways: "All" }), "HTTPRoute default/r spec.useDefaultGateways"],
  [route("r", { rules: [{ matches: [{ method: "TRACE" }] }] }), "HTTPRoute default/r spec.rules[0].matches[0].method"],
  [route("r", { rules: [{ matches: [{ method: "PATCH" }] }] }), undefined],
  [service("s", { ports: [{ port: 53, protocol: "UDP" }] }), "Service default/s spec.ports[0].protocol"],
  [service("s", { ports, sessionAffinity: "ClientIP" }), "Service default/s spec.sessionAffinity"],
  [
    service("s", { ports, sessionAffinity: "None", clusterIP: "10.0.0.1", internalTrafficPolicy: "Cluster" }),
    undefined,
  ],
  [service("s", { ports, internalTrafficPolicy: "Local" }), "Service default/s spec.internalTrafficPolicy"],
  [service("s", { ports, externalTrafficPolicy: "Local" }), "Service default/s spec.externalTrafficPolicy"],
  [service("s", { ports, trafficDistribution: "PreferClose" }), "Service default/s spec.trafficDistribution"],
  [
    service("s", { ports, loadBalancerSourceRanges: ["10.0.0.0/8"] }),
    "Service default/s spec.loadBalancerSourceRanges",
  ],
  [service("s", { ports, publishNotReadyAddresses: true }), "Service default/s spec.publishNotReadyAddresses"],
])("of %j, what has no effect is %s", (source, expected) => {
  expect(found(source)).toEqual(expected === undefined ? [] : [expected]);
});
