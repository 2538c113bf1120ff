import { describe, expect, it } from "vitest";
import type { Compiled } from "../../../mesh/compile/compile.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import {
  authenticationPolicy,
  authorizationPolicy,
  backend,
  compiled,
  front,
  GATEWAY_API,
  grant,
  route,
  SELVEDGE_API,
  service,
  to,
} from "../../support/resources.ts";

const TARGETS = {
  mesh: { group: SELVEDGE_API, kind: "Mesh", name: "mesh" },
  namespace: { group: "", kind: "Namespace", name: "default" },
  gateway: { group: GATEWAY_API, kind: "Gateway", name: "front" },
  route: { group: GATEWAY_API, kind: "HTTPRoute", name: "shop" },
  rule: { group: GATEWAY_API, kind: "HTTPRoute", name: "shop", sectionName: "cart" },
  a: { group: SELVEDGE_API, kind: "Backend", name: "a" },
  b: { group: SELVEDGE_API, kind: "Backend", name: "b" },
  s: { group: "", kind: "Service", name: "s" },
} as const;

const policy = (name: string, target: keyof typeof TARGETS, spec: object = {}, metadata: object = {}) =>
  authorizationPolicy(name, { targetRefs: [TARGETS[target]], ...spec }, metadata);
const mirrorTo = (name: string) => ({ type: "RequestMirror", requestMirror: { backendRef: to(name) } });
const shop = route("shop", {
  parentRefs: [{ name: "front" }],
  rules: [
    { name: "cart", matches: [{ path: { value: "/cart" } }], backendRefs: [to("a"), to("b")] },
    { name: "rest", backendRefs: [to("a")] },
  ],
});
const world = [front(), backend("a"), backend("b"), shop];

/** The names of the policies of each group that protects a rule. */
function groups({ snapshot }: Compiled, ofRoute: string, rule: string): string[][] {
  const found = snapshot.rules.find((one) => one.route === ofRoute && one.rule === rule);
  const layer = found?.layers.find((one): one is Extract<Policy, { kind: "authorize" }> => one.kind === "authorize");
  return (layer?.groups ?? []).map((group) => group.map(({ name }) => name));
}

describe("what protects a rule", () => {
  it("are the policies of all that it can lead to, each destination a group", () => {
    const made = compiled(...world, policy("on-a", "a"), policy("on-b", "b"), policy("on-cart", "rule"));
    expect(groups(made, "default/shop", "cart")).toEqual([
      ["default/on-cart", "default/on-a"],
      ["default/on-cart", "default/on-b"],
    ]);
    expect(groups(made, "default/shop", "rest")).toEqual([["default/on-a"]]);
    expect(groups(made, "default/a", "")).toEqual([["default/on-a"]]);
    expect(made.problems).toEqual([]);
  });

  it("are those of its mirrors too, which their copies alone must pass", () => {
    const copying = route("shop", {
      parentRefs: [{ name: "front" }],
      rules: [
        {
          name: "cart",
          backendRefs: [{ ...to("a"), filters: [mirrorTo("b")] }],
          filters: [mirrorTo("a"), mirrorTo("b"), mirrorTo("c")],
        },
      ],
    });
    const made = compiled(
      front(),
      ...["a", "b", "c"].map((name) => backend(name)),
      copying,
      policy("on-a", "a"),
      policy("on-b", "b"),
      policy("on-cart", "rule"),
    );
    expect(groups(made, "default/shop", "cart")).toEqual([["default/on-cart", "default/on-a"]]);
    const layer = made.snapshot.rules
      .find(({ route: of }) => of === "default/shop")
      ?.layers.find((one): one is Extract<Policy, { kind: "authorize" }> => one.kind === "authorize");
    const mirrors = layer?.mirrors?.map(({ backend: index, name, groups: all }) => [
      made.snapshot.backends[index]?.name === name,
      name,
      all.flat().map((one) => one.name),
    ]);
    expect(mirrors).toEqual([
      [true, "Backend/default/b", ["default/on-cart", "default/on-b"]],
      [true, "Backend/default/c", ["default/on-cart"]],
    ]);
  });

  it("are the mesh's and the namespace's policies too, and those of the Gateway and route on the way", () => {
    const root = { namespace: "selvedge-system" };
    const all = [policy("m", "mesh", {}, root), policy("n", "namespace"), policy("g", "gateway"), policy("r", "route")];
    const made = compiled(...world, ...all);
    const group = ["selvedge-system/m", "default/n", "default/g", "default/r"];
    expect(groups(made, "default/shop", "cart")).toEqual([group]);
    expect(groups(made, "default/b", "")).toEqual([["selvedge-system/m", "default/n"]]);
  });

  it("from another namespace can refuse by itself, and opens nothing", () => {
    const there = { namespace: "other" };
    const made = compiled(
      front({ allowedRoutes: { namespaces: { from: "All" } } }, there),
      backend("a"),
      route("shop", { parentRefs: [{ name: "front", namespace: "other" }], rules: [{ backendRefs: [to("a")] }] }),
      policy("g", "gateway", {}, there),
      authorizationPolicy("n", { targetRefs: [{ ...TARGETS.namespace, name: "other" }] }, there),
      policy("n", "namespace"),
    );
    expect(groups(made, "default/shop", "0")).toEqual([["other/g"], ["default/n"]]);
  });

  it("of a Service that is called by its address is what protects that Service, wherever its route leads", () => {
    const made = compiled(
      service("s", { ports: [{ port: 80 }] }),
      backend("a"),
      route("shop", { parentRefs: [{ group: "", kind: "Service", name: "s" }], rules: [{ backendRefs: [to("a")] }] }),
      policy("on-s", "s"),
      policy("on-a", "a"),
    );
    expect(groups(made, "default/shop", "0")).toEqual([["default/on-s"], ["default/on-a"]]);
  });

  it("of a consumer's route is what protects the Service, and what the consumer says of its own route", () => {
    const there = { namespace: "other" };
    const made = compiled(
      service("s", { ports: [{ port: 80 }] }),
      grant("g", {
        from: [{ group: GATEWAY_API, kind: "HTTPRoute", namespace: "other" }],
        to: [{ group: "", kind: "Service" }],
      }),
      route(
        "shop",
        {
          parentRefs: [{ group: "", kind: "Service", name: "s", namespace: "default" }],
          rules: [{ backendRefs: [{ name: "s", namespace: "default", port: 80 }] }],
        },
        there,
      ),
      policy("on-s", "s"),
      policy("r", "route", { rules: [{}] }, there),
    );
    expect(groups(made, "other/shop", "0")).toEqual([["other/r"], ["default/on-s"]]);
  });

  it("is nothing where no policy holds, and costs no layer", () => {
    expect(compiled(...world).snapshot.rules.flatMap(({ layers }) => layers)).toEqual([]);
  });
});

describe("a policy that cannot hold where it points is reported", () => {
  it.each<[string, object, object, string]>([
    ["the mesh from any namespace", TARGETS.mesh, {}, "put it in selvedge-system"],
    ["another mesh", { ...TARGETS.mesh, name: "m" }, { namespace: "selvedge-system" }, "name it mesh"],
    ["another namespace", { ...TARGETS.namespace, name: "other" }, {}, "name it default"],
    ["a part of a namespace", { ...TARGETS.namespace, sectionName: "x" }, {}, "leave sectionName out"],
  ])("%s", (_, target, metadata, fix) => {
    const { problems } = compiled(...world, authorizationPolicy("p", { targetRefs: [target] }, metadata));
    expect(problems.map((problem) => [problem.code, problem.fix])).toEqual([["not-permitted", fix]]);
  });
});

describe("AuthenticationPolicies on the way", () => {
  const jwt = (issuer: string) => ({ issuer, audiences: ["a"], jwksUri: "https://i.example/jwks" });
  it("add up, and one that requires a token requires it for all", () => {
    const made = compiled(
      ...world,
      authenticationPolicy("n", { targetRefs: [TARGETS.namespace], jwtRules: [jwt("https://n")] }),
      authenticationPolicy("c", {
        targetRefs: [TARGETS.rule, TARGETS.b],
        required: true,
        jwtRules: [jwt("https://c")],
      }),
    );
    const layer = (rule: string) => {
      const found = made.snapshot.rules.find((one) => one.route === "default/shop" && one.rule === rule)?.layers[0];
      return found?.kind === "authenticate" ? [found.required, found.providers.map(({ name }) => name)] : found;
    };
    expect(layer("cart")).toEqual([true, ["default/n/0", "default/c/0"]]);
    expect(layer("rest")).toEqual([false, ["default/n/0"]]);
  });
});
