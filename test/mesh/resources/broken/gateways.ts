import { type Broken, gateway, gatewayClass, grant, listenerSet } from "./broken.ts";

const listener = (rest: string) =>
  gateway(`{gatewayClassName: selvedge, listeners: [{name: h, port: 80, protocol: HTTP${rest}}]}`);
const LISTENER = "spec.listeners[0]";

export const gateways: readonly Broken[] = [
  [
    "a Gateway without class",
    gateway("{listeners: []}").replace("spec", "‸spec"),
    "invalid-value spec.gatewayClassName",
  ],
  ["a misspelt key of a Gateway", gateway("{gatewayClassName: selvedge, ‸listners: []}"), "unknown-key spec.listners"],
  ["listeners that are a map", gateway("{gatewayClassName: selvedge, ‸listeners: {}}"), "invalid-value spec.listeners"],
  [
    "65 listeners",
    gateway(
      `{gatewayClassName: selvedge, ‸listeners: [${Array.from({ length: 65 }, (_, n) => `{name: l${n}, port: 80, protocol: HTTP}`).join(", ")}]}`,
    ),
    "invalid-value spec.listeners",
  ],
  [
    "two listeners of one name",
    gateway(
      "{gatewayClassName: selvedge, listeners: [{name: h, port: 80, protocol: HTTP}, {‸name: h, port: 81, protocol: HTTP}]}",
    ),
    "invalid-value spec.listeners[1].name",
  ],
  [
    "a listener without name",
    gateway("{gatewayClassName: selvedge, listeners: [‸{port: 80, protocol: HTTP}]}"),
    `invalid-value ${LISTENER}.name`,
  ],
  [
    "a listener without port and protocol",
    gateway("{gatewayClassName: selvedge, listeners: [‸{name: h}]}"),
    `invalid-value ${LISTENER}.port`,
    `invalid-value ${LISTENER}.protocol`,
  ],
  [
    "a listener at port 0",
    gateway("{gatewayClassName: selvedge, listeners: [{name: h, ‸port: 0, protocol: HTTP}]}"),
    `invalid-value ${LISTENER}.port`,
  ],
  [
    "a listener at port 65536",
    gateway("{gatewayClassName: selvedge, listeners: [{name: h, ‸port: 65536, protocol: HTTP}]}"),
    `invalid-value ${LISTENER}.port`,
  ],
  [
    "a port in quotes",
    gateway('{gatewayClassName: selvedge, listeners: [{name: h, ‸port: "80", protocol: HTTP}]}'),
    `invalid-value ${LISTENER}.port`,
  ],
  [
    "a port with a fraction",
    gateway("{gatewayClassName: selvedge, listeners: [{name: h, ‸port: 80.5, protocol: HTTP}]}"),
    `invalid-value ${LISTENER}.port`,
  ],
  [
    "a port that is no number",
    gateway("{gatewayClassName: selvedge, listeners: [{name: h, ‸port: .nan, protocol: HTTP}]}"),
    `invalid-value ${LISTENER}.port`,
  ],
  ["a listener's hostname with a port", listener(", ‸hostname: 'a.example:80'"), `invalid-value ${LISTENER}.hostname`],
  ["a listener's hostname that is an address", listener(", ‸hostname: 10.0.0.1"), `invalid-value ${LISTENER}.hostname`],
  ["a wildcard in the middle", listener(", ‸hostname: a.*.example"), `invalid-value ${LISTENER}.hostname`],
  ["a wildcard alone", listener(", ‸hostname: '*'"), `invalid-value ${LISTENER}.hostname`],
  ["a wildcard of half a label", listener(", ‸hostname: '*a.example'"), `invalid-value ${LISTENER}.hostname`],
  ["a hostname in capitals", listener(", ‸hostname: A.example"), `invalid-value ${LISTENER}.hostname`],
  [
    "a misspelt key of allowedRoutes",
    listener(", allowedRoutes: {‸namespace: {}}"),
    `unknown-key ${LISTENER}.allowedRoutes.namespace`,
  ],
  [
    "namespaces from Everywhere",
    listener(", allowedRoutes: {namespaces: {‸from: Everywhere}}"),
    `invalid-value ${LISTENER}.allowedRoutes.namespaces.from`,
  ],
  [
    "namespaces from a Selector that is not there",
    listener(", allowedRoutes: {‸namespaces: {from: Selector}}").replace(
      "allowedRoutes: {‸namespaces",
      "allowedRoutes: {‸namespaces",
    ),
    `invalid-value ${LISTENER}.allowedRoutes.namespaces.selector`,
  ],
  [
    "a selector's misspelt key",
    listener(", allowedRoutes: {namespaces: {from: Selector, selector: {‸matchLabel: {}}}}"),
    `unknown-key ${LISTENER}.allowedRoutes.namespaces.selector.matchLabel`,
  ],
  [
    "a selector's unknown operator",
    listener(
      ", allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, ‸operator: Is}]}}}",
    ),
    `invalid-value ${LISTENER}.allowedRoutes.namespaces.selector.matchExpressions[0].operator`,
  ],
  [
    "a selector's In without values",
    listener(
      ", allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [‸{key: a, operator: In}]}}}",
    ),
    `invalid-value ${LISTENER}.allowedRoutes.namespaces.selector.matchExpressions[0].values`,
  ],
  [
    "a selector's Exists with values",
    listener(
      ", allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Exists, ‸values: [b]}]}}}",
    ),
    `invalid-value ${LISTENER}.allowedRoutes.namespaces.selector.matchExpressions[0].values`,
  ],
  ["an unknown TLS mode", listener(", tls: {‸mode: Maybe}"), `invalid-value ${LISTENER}.tls.mode`],
  [
    "a certificate without name",
    listener(", tls: {certificateRefs: [‸{kind: Secret}]}"),
    `invalid-value ${LISTENER}.tls.certificateRefs[0].name`,
  ],
  [
    "a controller name without a path",
    gatewayClass("{‸controllerName: selvedge}"),
    "invalid-value spec.controllerName",
  ],
  [
    "a description that is too long",
    gatewayClass(`{controllerName: a.b/c, ‸description: ${"d".repeat(65)}}`),
    "invalid-value spec.description",
  ],
  [
    "a ListenerSet without parent",
    listenerSet("{listeners: [{name: h, port: 80, protocol: HTTP}]}").replace("spec", "‸spec"),
    "invalid-value spec.parentRef",
  ],
  [
    "a ListenerSet without listeners",
    listenerSet("{parentRef: {name: g}, ‸listeners: []}"),
    "invalid-value spec.listeners",
  ],
  ["a ReferenceGrant from nobody", grant('{‸from: [], to: [{group: "", kind: Service}]}'), "invalid-value spec.from"],
  [
    "a ReferenceGrant without to",
    grant("{from: [{group: g, kind: k, namespace: n}]}").replace("spec", "‸spec"),
    "invalid-value spec.to",
  ],
  [
    "a ReferenceGrant from all namespaces",
    grant('{from: [{group: g, kind: k, ‸namespace: "*"}], to: [{group: "", kind: Service}]}'),
    "invalid-value spec.from[0].namespace",
  ],
  [
    "a misspelt key of a ReferenceGrant",
    grant('{from: [{group: g, kind: k, namespace: n, ‸names: a}], to: [{group: "", kind: Service}]}'),
    "unknown-key spec.from[0].names",
  ],
];
