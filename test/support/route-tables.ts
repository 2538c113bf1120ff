/** Generated listeners, routes and requests, small enough that they meet each other often. */
import fc from "fast-check";
import type { Resource } from "../../mesh/resources/resource.ts";
import type { LinearListener, LinearRequest, LinearRoute } from "./linear-match.ts";
import { GATEWAY_API } from "./resources.ts";

export type Tables = { readonly listeners: readonly LinearListener[]; readonly routes: readonly LinearRoute[] };

/** As stored, unread: the generated cases are valid by construction. */
export function resourcesOf(listeners: readonly LinearListener[], routes: readonly LinearRoute[]): Resource[] {
  const apiVersion = `${GATEWAY_API}/v1`;
  const allowedRoutes = { namespaces: { from: "All" } };
  return [
    {
      apiVersion,
      kind: "Gateway",
      metadata: { namespace: "default", name: "front" },
      spec: {
        gatewayClassName: "selvedge",
        listeners: listeners.map((listener) => ({ ...listener, protocol: "HTTP", allowedRoutes })),
      },
    },
    ...routes.map(({ namespace, name, created, sectionName, ...spec }) => ({
      apiVersion,
      kind: "HTTPRoute",
      metadata: { namespace, name, ...(created !== undefined && { creationTimestamp: created }) },
      spec: {
        ...spec,
        parentRefs: [{ namespace: "default", name: "front", ...(sectionName !== undefined && { sectionName }) }],
      },
    })),
  ];
}

const label = fc.constantFrom("a", "a", "b", "ab");
const host = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => [...labels, "x"].join("."));
const hostname = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
  fc.constant("*.x"),
);
const port = fc.constantFrom(80, 80, 80, 8080);
const name = (word: string) => (_: unknown, index: number) => `${word}${index}`;
const listeners = fc
  .uniqueArray(fc.record({ port, hostname: fc.option(hostname, { nil: undefined }) }), {
    minLength: 2,
    maxLength: 4,
    // Two of one port and hostname conflict, and neither takes part.
    selector: (one) => `${one.port} ${one.hostname}`,
  })
  .map((all) =>
    all.map((one, index): LinearListener => ({
      name: name("l")(one, index),
      port: one.port,
      ...(one.hostname !== undefined && { hostname: one.hostname }),
    })),
  );
const segments = fc.array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 });
const path = fc
  .tuple(segments, fc.boolean())
  .map(([parts, slash]) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`);
const value = fc.constantFrom("1", "2");
const exactly = fc.constant("Exact" as const);
const byPattern = fc.constant("RegularExpression" as const);
const conditions = (...names: string[]) =>
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ name: fc.constantFrom(...names), value }) },
      fc.record({ type: byPattern, name: fc.constantFrom(...names), value: fc.constantFrom("[12]", "1|3", "x*") }),
    ),
    { maxLength: 3 },
  );
const pathMatch = fc.oneof(
  fc.record({ type: exactly, value: path }),
  fc.record({ type: fc.constant("PathPrefix" as const), value: path }),
  fc.record({
    type: byPattern,
    value: fc.constantFrom("/a/.*", "/[ab]+", "/a/[ab]+/?", "/(a|b)(/.*)?", "/ab/(a|b)", "/a/b/(a|ab)+"),
  }),
);
const method = fc.constantFrom("GET", "POST");
const match = fc.record(
  {
    path: pathMatch,
    method,
    headers: conditions("x", "X", "y"),
    queryParams: conditions("q", "Q", "r"),
  },
  { requiredKeys: [] },
);
const rules = fc.array(fc.record({ matches: fc.array(match, { maxLength: 3 }) }), { minLength: 1, maxLength: 3 });
const routes = (all: readonly LinearListener[]) =>
  fc.array(
    fc.record(
      {
        namespace: fc.constantFrom("a", "a-b"),
        name: fc.constantFrom("r", "s", "t"),
        created: fc.constantFrom("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        sectionName: fc.constantFrom(...all.map((one) => one.name)),
        hostnames: fc.array(hostname, { maxLength: 3 }),
        rules,
      },
      { requiredKeys: ["namespace", "name", "hostnames", "rules"] },
    ),
    { minLength: 2, maxLength: 6 },
  );
export const request: fc.Arbitrary<LinearRequest> = fc.record({
  port,
  host: fc.oneof(host, fc.constantFrom("x", "other", "")),
  method,
  path,
  headers: fc.record({ x: value, y: value }, { requiredKeys: [] }),
  query: fc.record({ q: value, Q: value, r: value }, { requiredKeys: [] }),
});
const distinct = (all: readonly LinearRoute[]) => [
  ...new Map(all.map((one) => [`${one.namespace}/${one.name}`, one])).values(),
];

export const listenersAndRoutes: fc.Arbitrary<Tables> = listeners.chain((all) =>
  fc.record({ listeners: fc.constant(all), routes: routes(all).map(distinct) }),
);

const CROWDED = ["/", "/a"];
/** Enough for a list to be cut up by them, few enough to be asked for. */
const many = fc.nat(11).map(String);
const crowdedConditions = (...names: string[]) =>
  fc.uniqueArray(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ name: fc.constantFrom(...names), value: many }) },
      fc.record({ type: byPattern, name: fc.constantFrom(...names), value: fc.constantFrom("[1-5]", "1.*") }),
      fc.record({ name: fc.constantFrom(...names), value: fc.constant("ü") }),
    ),
    { maxLength: 2, selector: (one) => one.name },
  );
const crowdedMatch = fc.record(
  {
    path: fc.oneof(
      { weight: 4, arbitrary: fc.constant({ type: "PathPrefix" as const, value: "/a" }) },
      fc.record({ type: exactly, value: fc.constantFrom(...CROWDED) }),
      fc.record({ type: byPattern, value: fc.constant("/[ab]+") }),
    ),
    method,
    headers: crowdedConditions("x", "y"),
    queryParams: crowdedConditions("q"),
  },
  { requiredKeys: ["path", "headers", "queryParams"] },
);

/** Long lists of rules on few paths, told apart by headers and queries. */
export const crowded = fc.record<Tables>({
  listeners: fc.constant<LinearListener[]>([{ name: "l0", port: 80 }]),
  routes: fc.array(fc.array(crowdedMatch, { minLength: 4, maxLength: 8 }), { minLength: 4, maxLength: 10 }).map((all) =>
    all.map((matches, index): LinearRoute => ({
      namespace: "a",
      name: name("r")(matches, index),
      hostnames: [],
      rules: matches.map((one) => ({ matches: [one] })),
    })),
  ),
});
const anyOf = fc.oneof({ weight: 8, arbitrary: many }, fc.constantFrom("", "ü", "none of them"));
export const crowdedRequest: fc.Arbitrary<LinearRequest> = fc.record({
  port: fc.constant(80),
  host: fc.constant("any"),
  method,
  path: fc.constantFrom(...CROWDED, "/b"),
  headers: fc.record({ x: anyOf, y: anyOf }, { requiredKeys: [] }),
  query: fc.record({ q: anyOf }, { requiredKeys: [] }),
});
