import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Compiled, compile } from "../../../mesh/compile/compile.ts";
import { statuses } from "../../../mesh/compile/status.ts";
import type { MeshIdentity } from "../../../mesh/identity.ts";
import { type Encoded, encode } from "../../../mesh/published.ts";
import type { Resource } from "../../../mesh/resources/resource.ts";
import { sha256 } from "../../support/published.ts";
import {
  authenticationPolicy,
  authorizationPolicy,
  backend,
  front,
  gateway,
  GATEWAY_API,
  grant,
  idempotencyPolicy,
  namespace,
  rateLimitPolicy,
  resources,
  route,
  SELVEDGE_API,
  service,
  slice,
  to,
  trafficPolicy,
} from "../../support/resources.ts";

/** What comes of resources alone, and what comes of them after a compile of others: everything that anyone sees of it. */
type Seen = { readonly compiled: Compiled; readonly encoded: Encoded };

async function seenOf(mesh: readonly Resource[], identity?: MeshIdentity, before?: Seen): Promise<Seen> {
  const compiled = compile(mesh, identity, before?.compiled.memo);
  return { compiled, encoded: await encode(compiled.snapshot, sha256, before?.encoded) };
}

const shown = ({ compiled: { problems, facts }, encoded: { manifest, shards } }: Seen) => ({
  problems,
  statuses: [...statuses(facts, { certificates: [], addresses: [], hostPreserving: [] })],
  manifest: Buffer.from(manifest).toString("latin1"),
  shards: [...shards].map(([hash, bytes]) => [hash, Buffer.from(bytes).toString("latin1")]),
});

const identity = (trustDomain: string): MeshIdentity => ({
  trustDomain,
  workloadKeys: { keys: [] },
  edgeKeys: { keys: [] },
  revoked: {},
});

const target = (kind: string, name: string, more: object = {}) => {
  const group = { Backend: SELVEDGE_API, Service: "" }[kind] ?? GATEWAY_API;
  return { group, kind, name, ...more };
};
const born = (year: number, more: object = {}) => ({ creationTimestamp: `${year}-01-01T00:00:00Z`, ...more });
const mirror = (name: string) => ({ type: "RequestMirror", requestMirror: { backendRef: to(name) } });

/** Of an HTTPRoute, in every way that this mesh has for one to differ. */
const routeVariants = (name: string): object[] => {
  const made = (parents: object[], hostnames: string[], rules: object[], year = 2020, more: object = {}) =>
    route(name, { parentRefs: parents, hostnames, rules }, born(year, more));
  const plain = [{ backendRefs: [to("b")] }];
  return [
    made([{ name: "front" }], ["a.example"], [...plain, { backendRefs: [to("far", { namespace: "shop" })] }]),
    made([{ name: "front" }], ["a.example", "b.example"], plain, 2021),
    made([{ name: "front" }, { name: "side" }], [], [{ name: "r", backendRefs: [to("b"), to("c", { weight: 3 })] }]),
    made([{ name: "side", sectionName: "gone" }, { name: "nowhere" }], ["a.example"], plain),
    made(
      [target("Service", "s")],
      [],
      [{ backendRefs: [{ name: "s", port: 80 }], sessionPersistence: { sessionName: "n" } }],
    ),
    made([target("Service", "s", { namespace: "default" })], [], plain, 2019, { namespace: "shop" }),
    made(
      [{ name: "front" }],
      ["b.example"],
      [
        { backendRefs: [to("gone"), to("far", { namespace: "shop" })], filters: [mirror("c"), mirror("gone")] },
        { matches: [{ method: "CONNECT", path: { type: "RegularExpression", value: "/[a-z]+" } }] },
        {
          filters: [{ type: "ExtensionRef", extensionRef: { group: "x.example", kind: "X", name: "x" } }],
          backendRefs: [to("b")],
        },
      ],
    ),
  ];
};

const limits = (requests: number) => [{ name: "l", requests, key: [{ type: "Header", name: "a" }] }];
const endpointBreaker = { scope: "Endpoint" };
const twoEndpoints = {
  ...backend("b"),
  spec: { endpoints: [{ url: "https://one.internal" }, { url: "https://two.internal" }] },
};

/** What may stand at each place of the mesh, and nothing. */
const VARIANTS: readonly (readonly Resource[])[] = [
  ...["one", "two", "three"].map(routeVariants),
  [front({ allowedRoutes: { namespaces: { from: "All" } } }), front({ hostname: "*.example" })],
  [
    gateway("side", {
      gatewayClassName: "selvedge",
      listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
    }),
  ],
  [backend("b"), twoEndpoints],
  [backend("c"), backend("c", {}, "https://elsewhere.internal")],
  [backend("far", { namespace: "shop" })],
  [service("s", { ports: [{ port: 80 }] }), service("s", { ports: [{ port: 80 }, { port: 81, name: "more" }] })],
  [slice("s-1", "s", { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports: [{ port: 8080 }] })],
  [namespace("shop", { team: "shop" })],
  [
    grant(
      "g",
      {
        from: [{ group: GATEWAY_API, kind: "HTTPRoute", namespace: "default" }],
        to: [{ group: SELVEDGE_API, kind: "Backend" }],
      },
      { namespace: "shop" },
    ),
  ],
  ...["t", "u"].map((name) => [
    trafficPolicy(name, { targetRefs: [target("Gateway", "front")], timeouts: { request: "1s" } }, born(2020)),
    trafficPolicy(name, { targetRefs: [target("HTTPRoute", "one")], breaker: endpointBreaker, retry: {} }, born(2021)),
    trafficPolicy(name, {
      targetRefs: [target("HTTPRoute", "two", { sectionName: "r" }), target("Backend", "b")],
      breaker: endpointBreaker,
      timeouts: { request: "2s" },
    }),
    trafficPolicy(name, {
      targetRefs: [target("Service", "s")],
      path: { ambiguous: "Keep" },
      concurrency: { limit: 3 },
    }),
  ]),
  [
    rateLimitPolicy("l", { targetRefs: [target("HTTPRoute", "one")], limits: limits(1) }),
    rateLimitPolicy("l", { targetRefs: [target("Service", "s")], limits: limits(2) }),
  ],
  [
    authorizationPolicy("z", {
      targetRefs: [target("HTTPRoute", "three")],
      action: "DENY",
      rules: [{ to: [{ operation: { methods: ["POST"] } }] }],
    }),
  ],
  [
    authenticationPolicy("c", {
      targetRefs: [target("Backend", "b")],
      jwtRules: [{ issuer: "https://issuer.example", audiences: ["a"], jwksUri: "https://issuer.example/keys" }],
      assertCaller: true,
    }),
  ],
  [idempotencyPolicy("i", { targetRefs: [target("HTTPRoute", "two")] })],
].map((variants) => variants.flatMap((variant) => resources(variant)));

const present = (standing: readonly (Resource | undefined)[]): Resource[] =>
  standing.filter((one) => one !== undefined);

/** At most one resource of each place. */
const start = fc.tuple(...VARIANTS.map((variants) => fc.constantFrom(...variants, variants[0], undefined)));

/** One resource put or taken away, or another trust domain. */
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .nat(VARIANTS.length - 1)
      .chain((place) => fc.record({ place: fc.constant(place), variant: fc.nat(VARIANTS[place]!.length) })),
  },
  { weight: 2, arbitrary: fc.record({ domain: fc.constantFrom("a.example", "b.example", undefined) }) },
);

describe("a compile after another", () => {
  it("gives to the byte what a compile of the same resources alone gives, whatever was changed before", async () => {
    await fc.assert(
      fc.asyncProperty(start, fc.array(step, { minLength: 1, maxLength: 12 }), async (first, steps) => {
        let standing: readonly (Resource | undefined)[] = first;
        let known: MeshIdentity | undefined;
        let before = await seenOf(present(standing));
        for (const one of steps) {
          if ("domain" in one) known = one.domain === undefined ? undefined : identity(one.domain);
          else standing = standing.with(one.place, VARIANTS[one.place]![one.variant]);
          const mesh = present(standing);
          const after = await seenOf(mesh, known, before);
          // Copies, of which nothing is known from before.
          expect(shown(after)).toEqual(shown(await seenOf(structuredClone(mesh), known)));
          before = after;
        }
      }),
      { numRuns: 100 },
    );
  });

  it("of two from one memo is none the worse for the other", async () => {
    const mesh = present(VARIANTS.map(([first]) => first));
    const first = await seenOf(mesh);
    const others = await Promise.all(
      [1, 2, 6].map((variant) => seenOf(mesh.with(0, VARIANTS[0]![variant]!), undefined, first)),
    );
    for (const [index, variant] of [1, 2, 6].entries())
      expect(shown(others[index]!)).toEqual(shown(await seenOf(mesh.with(0, VARIANTS[0]![variant]!))));
    expect(shown(await seenOf(mesh, undefined, first))).toEqual(shown(first));
  });
});

/** 600 hosts of 4 rules: four shards. */
const many = (changed?: string): Resource[] => [
  ...resources(front(), backend("b")),
  ...Array.from({ length: 600 }, (_, n): Resource => {
    const matches = [{ path: { type: "PathPrefix", value: n === 300 && changed !== undefined ? changed : "/a" } }];
    const rules = Array.from({ length: 4 }, () => ({ matches, backendRefs: [to("b")] }));
    const spec = { parentRefs: [{ name: "front" }], hostnames: [`h${n}.example`], rules };
    return {
      apiVersion: `${GATEWAY_API}/v1`,
      kind: "HTTPRoute",
      metadata: { name: `r${n}`, namespace: "default", creationTimestamp: "2020-01-01T00:00:00Z" },
      spec,
    };
  }),
];

describe("after a change of one route among many", () => {
  const mesh = many();
  const at = mesh.findIndex(({ metadata }) => metadata.name === "r300");
  const changed = (path: string) => mesh.with(at, many(path)[at]!);

  it("its host alone has another table, and its shard alone other bytes", async () => {
    const before = await seenOf(mesh);
    const after = await seenOf(changed("/b"), undefined, before);
    const hosts = ({ compiled }: Seen) => compiled.snapshot.listeners[0]!.hosts;
    const other = Object.keys(hosts(after)).filter((host) => hosts(after)[host] !== hosts(before)[host]);
    expect(other).toEqual(["h300.example"]);
    const written = after.encoded.parts.filter(({ bytes }, number) => bytes !== before.encoded.parts[number]!.bytes);
    expect([after.encoded.parts.length, written.length]).toEqual([4, 1]);
  });

  it("and another and another, what is kept does not grow without end", () => {
    const others = mesh.slice(0, 2);
    let memo: Compiled["memo"] | undefined;
    const sizes = Array.from({ length: 1500 }, (_, n) => {
      const one = { ...mesh[at]!, metadata: { name: `r${n}`, namespace: "default" } };
      ({ memo } = compile([...others, one], undefined, memo));
      return memo.numbers.rules.list.length;
    });
    expect(Math.max(...sizes)).toBeGreaterThan(1000);
    expect(Math.max(...sizes)).toBeLessThan(1100);
  });
});
