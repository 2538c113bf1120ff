import { backend, type Broken, service, slice } from "./broken.ts";

const url = (text: string) => backend(`{endpoints: [{‸url: "${text}"}]}`);
const URL = "invalid-value spec.endpoints[0].url";

export const services: readonly Broken[] = [
  ["a URL with credentials", url("https://user:secret@a.example"), URL],
  ["a URL with a query", url("https://a.example/?b=c"), URL],
  ["a URL with a fragment", url("https://a.example/#b"), URL],
  ["a URL of another scheme", url("ftp://a.example"), URL],
  ["a URL without scheme", url("a.example"), URL],
  ["a URL without host", url("https:///a"), URL],
  ["a URL at port 0", url("https://a.example:0"), URL],
  ["a URL at port 65536", url("https://a.example:65536"), URL],
  ["a URL whose port is a word", url("https://a.example:http"), URL],
  ["a URL with a space", url("https://a.example/b c"), URL],
  ["a URL whose address is out of range", url("http://10.0.0.256"), URL],
  ["a URL whose address is three numbers", url("http://10.0.1"), URL],
  ["a URL whose path goes up", url("https://a.example/b/../c"), URL],
  ["a URL that is a number", backend("{endpoints: [{‸url: 5}]}"), URL],
  [
    "an endpoint with both url and binding",
    backend('{endpoints: [‸{url: "https://a", binding: SERVICE_A}]}'),
    "invalid-value spec.endpoints[0]",
  ],
  [
    "an endpoint with neither url nor binding",
    backend("{endpoints: [‸{weight: 1}]}"),
    "invalid-value spec.endpoints[0]",
  ],
  [
    "a binding to one of the mesh's own objects",
    backend("{endpoints: [{‸binding: BREAKER}]}"),
    "invalid-value spec.endpoints[0].binding",
  ],
  [
    "a binding in lower case",
    backend("{endpoints: [{‸binding: SERVICE_a}]}"),
    "invalid-value spec.endpoints[0].binding",
  ],
  [
    "a health check that is too frequent",
    backend('{endpoints: [{url: "https://a"}], healthCheck: {‸interval: 100ms, timeout: 50ms}}'),
    "invalid-value spec.healthCheck.interval",
  ],
  [
    "a health check that outlasts its interval",
    backend('{endpoints: [{url: "https://a"}], healthCheck: {interval: 2s, ‸timeout: 3s}}'),
    "invalid-value spec.healthCheck.timeout",
  ],
  [
    "a health check of another host",
    backend('{endpoints: [{url: "https://a"}], healthCheck: {‸path: "https://b/"}}'),
    "invalid-value spec.healthCheck.path",
  ],
  [
    "a health check's statuses the wrong way round",
    backend('{endpoints: [{url: "https://a"}], healthCheck: {expectedStatuses: [‸299-200]}}'),
    "invalid-value spec.healthCheck.expectedStatuses[0]",
  ],
  ["a Backend without endpoints", backend("{‸endpoints: []}"), "invalid-value spec.endpoints"],
  ["endpoints that are text", backend("{‸endpoints: https://a.example}"), "invalid-value spec.endpoints"],
  ["an endpoint that is text", backend("{endpoints: [‸https://a.example]}"), "invalid-value spec.endpoints[0]"],
  [
    "an endpoint's negative weight",
    backend('{endpoints: [{url: "https://a", ‸weight: -1}]}'),
    "invalid-value spec.endpoints[0].weight",
  ],
  [
    "a misspelt key of a Backend",
    backend('{‸endpoint: [], endpoints: [{url: "https://a"}]}'),
    "unknown-key spec.endpoint",
  ],
  ["a Service's port without number", service("{ports: [‸{name: http}]}"), "invalid-value spec.ports[0].port"],
  ["a Service's misspelt key", service("{‸port: [{port: 80}]}"), "unknown-key spec.port"],
  [
    "a Service's unknown protocol",
    service("{ports: [{port: 80, ‸protocol: HTTP}]}"),
    "invalid-value spec.ports[0].protocol",
  ],
  ["a Service's unknown type", service("{‸type: Ingress}"), "invalid-value spec.type"],
  [
    "a Service's port twice",
    service("{ports: [{name: a, port: 80}, {name: b, ‸port: 80}]}"),
    "invalid-value spec.ports[1].port",
  ],
  [
    "two ports of one name",
    service("{ports: [{name: a, port: 80}, {‸name: a, port: 81}]}"),
    "invalid-value spec.ports[1].name",
  ],
  [
    "a targetPort that is a list",
    service("{ports: [{port: 80, ‸targetPort: [80]}]}"),
    "invalid-value spec.ports[0].targetPort",
  ],
  [
    "an external name that is more than a host",
    service("{type: ExternalName, ‸externalName: user@a.example/b}"),
    "invalid-value spec.externalName",
  ],
  [
    "a slice without address type",
    slice("endpoints: []").replace("apiVersion", "‸apiVersion"),
    "invalid-value addressType",
  ],
  ["a slice of unknown address type", slice("‸addressType: IPX"), "invalid-value addressType"],
  [
    "a slice's endpoint without address",
    slice("addressType: IPv4\nendpoints: [{‸addresses: []}]"),
    "invalid-value endpoints[0].addresses",
  ],
  [
    "a slice's address that is more than a host",
    slice('addressType: FQDN\nendpoints: [{addresses: [‸"a.example/b"]}]'),
    "invalid-value endpoints[0].addresses[0]",
  ],
  [
    "a slice's readiness as text",
    slice('addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {‸ready: "yes"}}]'),
    "invalid-value endpoints[0].conditions.ready",
  ],
  [
    "a slice's misspelt condition",
    slice("addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {‸redy: true}}]"),
    "unknown-key endpoints[0].conditions.redy",
  ],
  ["a slice with a spec", slice("addressType: IPv4\n‸spec: {}"), "unknown-key spec"],
];
