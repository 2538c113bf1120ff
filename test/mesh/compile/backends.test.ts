import { describe, expect, it } from "vitest";
import type { Compiled } from "../../../mesh/compile/compile.ts";
import {
  backend,
  compiled,
  front,
  GATEWAY_API,
  grant,
  route,
  SELVEDGE_API,
  service,
  slice,
  to,
} from "../../support/resources.ts";

const routed = (...backendRefs: object[]) =>
  route("shop", { parentRefs: [{ name: "front" }], rules: [{ backendRefs }] });

/** The shares of the one route: `weight name` or `weight null`. */
const shares = ({ snapshot }: Compiled): string[] =>
  snapshot.rules
    .filter(({ route }) => route === "default/shop")
    .flatMap(({ backends }) =>
      backends.map(({ backend, weight }) => `${weight} ${backend === null ? null : snapshot.backends[backend]?.name}`),
    );

const endpoints = ({ snapshot }: Compiled, name: string) =>
  snapshot.backends
    .find((one) => one.name === name)
    ?.endpoints.map((endpoint) => (endpoint.kind === "url" ? `${endpoint.origin}${endpoint.path}` : endpoint.binding));

/** Of routes: what a Service's own fields come to is another test's subject. */
const codes = ({ problems }: Compiled): string[] =>
  problems.filter(({ resource = "" }) => !resource.startsWith("Service")).map(({ code, path }) => `${code} ${path}`);
const AT = "spec.rules[0].backendRefs[0]";

describe("a backendRef", () => {
  const cart = service("cart", { ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] });

  it.each<[string, object, string[], string[]]>([
    ["to a Service's port", { name: "cart", port: 80 }, ["1 Service/default/cart:80"], []],
    ["to a Service without a port", { name: "cart" }, ["1 null"], [`invalid-value ${AT}.port`]],
    ["to a port that the Service has not", { name: "cart", port: 81 }, ["1 null"], [`dangling-reference ${AT}.port`]],
    ["to a port of UDP", { name: "cart", port: 53 }, ["1 null"], [`dangling-reference ${AT}.port`]],
    ["to no Service there is", { name: "gone", port: 80, weight: 7 }, ["7 null"], [`dangling-reference ${AT}`]],
    ["to a Backend", to("b"), ["1 Backend/default/b"], []],
    ["to no Backend there is", to("gone", { weight: 3 }), ["3 null"], [`dangling-reference ${AT}`]],
    ["to a kind that answers nothing", { kind: "ConfigMap", name: "cart" }, ["1 null"], [`not-carried ${AT}`]],
    [
      "to a Service of another group",
      { group: "example.com", name: "cart", port: 80 },
      ["1 null"],
      [`not-carried ${AT}`],
    ],
    ["of weight 0", to("b", { weight: 0 }), [], []],
    ["of weight 0 to nothing", to("gone", { weight: 0 }), [], [`dangling-reference ${AT}`]],
  ])("%s", (_, ref, expected, problems) => {
    const result = compiled(front(), cart, backend("b"), backend("b2"), routed(ref));
    expect([shares(result), codes(result)]).toEqual([expected, problems]);
  });

  it("keeps its share where it is invalid, so that the others do not get more than theirs", () => {
    const result = compiled(
      front(),
      backend("b"),
      routed(to("b", { weight: 90 }), to("gone", { weight: 10 }), to("b", { weight: 0 })),
    );
    expect(shares(result)).toEqual(["90 Backend/default/b", "10 null"]);
  });
});

describe("a backendRef into another namespace", () => {
  const away = { namespace: "away" };
  const from = { group: GATEWAY_API, kind: "HTTPRoute", namespace: "default" };
  const toBackend = { group: SELVEDGE_API, kind: "Backend" };
  const granted = (spec: object, name = "g", metadata: object = away) => grant(name, spec, metadata);

  it.each<[string, object[], boolean]>([
    ["without a grant", [], false],
    ["with a grant for the kind", [granted({ from: [from], to: [toBackend] })], true],
    ["with a grant by name", [granted({ from: [from], to: [{ ...toBackend, name: "b" }] })], true],
    ["with a grant by another name", [granted({ from: [from], to: [{ ...toBackend, name: "c" }] })], false],
    ["with a grant for another kind", [granted({ from: [from], to: [{ group: "", kind: "Service" }] })], false],
    [
      "with a grant for the kind of another group",
      [granted({ from: [from], to: [{ group: "", kind: "Backend" }] })],
      false,
    ],
    ["with a grant to another namespace", [granted({ from: [{ ...from, namespace: "web" }], to: [toBackend] })], false],
    [
      "with a grant to another kind of route",
      [granted({ from: [{ ...from, kind: "GRPCRoute" }], to: [toBackend] })],
      false,
    ],
    [
      "with a grant to the kind of another group",
      [granted({ from: [{ ...from, group: "" }], to: [toBackend] })],
      false,
    ],
    ["with a grant that stands in the route's namespace", [granted({ from: [from], to: [toBackend] }, "g", {})], false],
    [
      "with a grant of several froms and tos",
      [granted({ from: [{ ...from, namespace: "web" }, from], to: [{ group: "", kind: "Service" }, toBackend] })],
      true,
    ],
    [
      "whose from and to are of two grants",
      [
        granted({ from: [from], to: [{ group: "", kind: "Service" }] }),
        granted({ from: [{ ...from, namespace: "web" }], to: [toBackend] }, "g2"),
      ],
      false,
    ],
  ])("%s", (_, grants, permitted) => {
    const result = compiled(front(), backend("b", away), routed(to("b", { namespace: "away", weight: 5 })), ...grants);
    expect(shares(result)).toEqual([permitted ? "5 Backend/away/b" : "5 null"]);
    expect(codes(result)).toEqual(permitted ? [] : [`not-permitted ${AT}`]);
  });

  it("to its own namespace by name needs none", () => {
    expect(shares(compiled(front(), backend("b"), routed(to("b", { namespace: "default" }))))).toEqual([
      "1 Backend/default/b",
    ]);
  });
});

describe("a Service's endpoints", () => {
  const ports = (...given: object[]) => service("cart", { ports: given });
  const ready = (address: string, conditions?: object) => ({ addresses: [address], ...(conditions && { conditions }) });
  const v4 = (given: object[], slicePorts: object[] = [{ port: 8080 }], name = "s", metadata: object = {}) =>
    slice(name, "cart", { addressType: "IPv4", endpoints: given, ports: slicePorts }, metadata);

  it.each<[string, (string | object)[], string[]]>([
    [
      "are its slices'",
      [ports({ port: 80 }), v4([ready("10.0.0.1"), ready("10.0.0.2")])],
      ["http://10.0.0.1:8080", "http://10.0.0.2:8080"],
    ],
    [
      "are by the name of the port",
      [
        ports({ name: "web", port: 80 }),
        v4(
          [ready("10.0.0.1")],
          [
            { name: "admin", port: 1 },
            { name: "web", port: 8080 },
          ],
        ),
      ],
      ["http://10.0.0.1:8080"],
    ],
    [
      "are none where no slice's port has the name",
      [ports({ name: "web", port: 80 }), v4([ready("10.0.0.1")], [{ name: "admin", port: 1 }])],
      [],
    ],
    ["are none where the slice's port has no number", [ports({ port: 80 }), v4([ready("10.0.0.1")], [{}])], []],
    [
      "are those that are ready, or do not say",
      [
        ports({ port: 80 }),
        v4([
          ready("10.0.0.1", { ready: false }),
          ready("10.0.0.2", { ready: true }),
          ready("10.0.0.3", {}),
          ready("10.0.0.4"),
        ]),
      ],
      ["http://10.0.0.2:8080", "http://10.0.0.3:8080", "http://10.0.0.4:8080"],
    ],
    [
      "are an endpoint's first address",
      [ports({ port: 80 }), v4([{ addresses: ["10.0.0.1", "10.0.0.2"] }])],
      ["http://10.0.0.1:8080"],
    ],
    [
      "are of IPv6 in brackets",
      [
        ports({ port: 80 }),
        slice("s", "cart", { addressType: "IPv6", endpoints: [ready("2001:db8::1")], ports: [{ port: 8080 }] }),
      ],
      ["http://[2001:db8::1]:8080"],
    ],
    [
      "are of all its slices, each once",
      [ports({ port: 80 }), v4([ready("10.0.0.1")]), v4([ready("10.0.0.1"), ready("10.0.0.2")], [{ port: 8080 }], "t")],
      ["http://10.0.0.1:8080", "http://10.0.0.2:8080"],
    ],
    [
      "are not those of another namespace's slice",
      [
        ports({ port: 80 }),
        v4([ready("10.0.0.1")], [{ port: 8080 }], "s", {
          namespace: "away",
          labels: { "kubernetes.io/service-name": "cart" },
        }),
      ],
      [],
    ],
    [
      "are HTTPS where the Service says so",
      [ports({ port: 443, appProtocol: "https" }), v4([ready("10.0.0.1")])],
      ["https://10.0.0.1:8080"],
    ],
    [
      "are HTTPS where the slice says so",
      [ports({ port: 443 }), v4([ready("10.0.0.1")], [{ port: 8443, appProtocol: "https" }])],
      ["https://10.0.0.1:8443"],
    ],
    [
      "are its external name",
      [service("cart", { type: "ExternalName", externalName: "cart.example.com", ports: [{ port: 80 }] })],
      ["http://cart.example.com:80"],
    ],
    [
      "are the Backend's of its name",
      [ports({ port: 80 }), backend("cart", {}, "https://cart.run.example/base/")],
      ["https://cart.run.example/base"],
    ],
    [
      "are its slices' before the Backend's of its name",
      [ports({ port: 80 }), v4([ready("10.0.0.1")]), backend("cart")],
      ["http://10.0.0.1:8080"],
    ],
    [
      "are none where its slices have none ready, whatever Backend there is",
      [ports({ port: 80 }), v4([]), backend("cart")],
      [],
    ],
    ["are none where nothing says", [ports({ port: 80 })], []],
  ])("%s", (_, sources, expected) => {
    const result = compiled(...sources);
    const name = result.snapshot.backends[0]?.name ?? "";
    expect(name).toMatch(/^Service\/default\/cart:/);
    expect(endpoints(result, name)).toEqual(expected);
  });
});

it("gives a Backend's endpoints with their weights, and leaves out those of weight 0", () => {
  const spec = {
    endpoints: [
      { url: "https://a.example:8443/base/", weight: 3 },
      { url: "https://b.example", weight: 0 },
      { binding: "SERVICE_B" },
    ],
  };
  const { snapshot } = compiled({ ...backend("b"), spec });
  expect(snapshot.backends).toEqual([
    {
      name: "Backend/default/b",
      endpoints: [
        { kind: "url", origin: "https://a.example:8443", path: "/base", weight: 3 },
        { kind: "binding", binding: "SERVICE_B", weight: 1 },
      ],
    },
  ]);
});

describe("a health check", () => {
  const checked = (endpoints: object[], healthCheck: object = {}) => ({
    ...backend("api"),
    spec: { endpoints, healthCheck },
  });
  const [a, b] = [{ url: "http://a.example" }, { url: "http://b.example" }];

  it("has its defaults filled in, and is one for the Backend and the Service of its name", () => {
    const { snapshot, problems } = compiled(checked([a, b]), service("api", { ports: [{ port: 80 }] }));
    const health = {
      object: "Backend/default/api",
      path: "/",
      intervalMs: 10_000,
      timeoutMs: 1000,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
      statuses: [[200, 299]],
      jitter: 0.1,
    };
    expect(snapshot.backends).toMatchObject([{ name: "Service/default/api:80", health }]);
    expect(problems).toEqual([]);
  });

  it("takes statuses and ranges of them", () => {
    const { snapshot } = compiled(checked([a, b], { expectedStatuses: [204, "302", "400-499"] }));
    expect(snapshot.backends[0]?.health?.statuses).toEqual([
      [204, 204],
      [302, 302],
      [400, 499],
    ]);
  });

  it.each([
    ["of an endpoint behind a binding", [a, b, { binding: "SERVICE_X" }], "spec.endpoints[2].binding", true],
    ["of the only endpoint", [a], "spec.healthCheck", false],
    ["of the only endpoint of any weight", [a, { ...b, weight: 0 }], "spec.healthCheck", false],
  ])("%s is said not to be made", (_, endpoints, path, others) => {
    const { snapshot, problems } = compiled(checked(endpoints));
    expect(problems).toMatchObject([{ severity: "warning", code: "not-carried", path }]);
    expect(snapshot.backends[0]?.health !== undefined).toBe(others);
  });
});
