import { describe, expect, it } from "vitest";
import { type AuthorizationCheck, checkAuthorization } from "../../../mesh/explain/authorization.ts";
import { leastPrivilege, type Observed } from "../../../mesh/explain/least-privilege.ts";
import { identity } from "../../../mesh/identity.ts";
import { readFiles } from "../../../mesh/resources/read.ts";
import { resourcesYaml } from "../../../mesh/resources/to-yaml.ts";
import { authenticationPolicy, authorizationPolicy, compiled, route, service } from "../../support/resources.ts";

const cart = { group: "", kind: "Service", name: "cart" };
const carts = authorizationPolicy("carts", {
  targetRefs: [cart],
  rules: [
    {
      name: "read",
      from: [{ source: { serviceAccounts: ["default/web"] } }],
      to: [{ operation: { methods: ["GET"], paths: ["/carts/{*}"] } }],
    },
  ],
});
const trial = authorizationPolicy("trial", {
  targetRefs: [cart],
  action: "DENY",
  dryRun: true,
  rules: [{ to: [{ operation: { paths: ["/carts/7"] } }] }],
});
const tokens = authenticationPolicy("tokens", {
  targetRefs: [cart],
  required: true,
  jwtRules: [{ issuer: "https://issuer.test", audiences: ["cart"], jwksUri: "https://issuer.test/keys" }],
});

type Given = { readonly as?: string; readonly method?: string; readonly path?: string; readonly claims?: object };

function check(
  policies: readonly object[],
  { as, method = "GET", path = "/carts/1", claims }: Given,
): AuthorizationCheck {
  const asked = {
    method,
    scheme: "http",
    host: "cart.default",
    hostname: "cart.default",
    pathname: path,
    search: "",
    urlPort: undefined,
    port: 80,
    gateway: "",
    caller: "default",
    domain: "mesh.internal",
    header: () => null,
    query: () => null,
  } as const;
  return checkAuthorization(compiled(service("cart", { ports: [{ port: 80 }] }), ...policies), asked, {
    identity: as === undefined ? undefined : identity("mesh", "default", as),
    chain: [],
    claims: claims as Record<string, unknown> | undefined,
    client: "",
    headers: new Headers(),
  });
}

describe("whether a caller may", () => {
  it.each<[string, readonly object[], Given, AuthorizationCheck["verdict"], string | undefined]>([
    ["nothing protects it", [], {}, "allowed", undefined],
    ["a rule allows it", [carts], { as: "web" }, "allowed", undefined],
    ["no rule allows it", [carts], { as: "web", method: "PUT" }, "denied", undefined],
    ["nobody calls", [carts], {}, "denied", undefined],
    ["the path is refused before", [carts], { as: "web", path: "/carts/..%2f1" }, "answered", "path-ambiguous"],
    ["a token is required", [tokens], { as: "web" }, "denied", "unauthorized"],
    ["the token is another issuer's", [tokens], { claims: { iss: "https://other" } }, "denied", "unauthorized"],
    ["the token is good", [tokens], { claims: { iss: "https://issuer.test" } }, "allowed", undefined],
  ])("where %s", (_, policies, given, verdict, cause) => {
    const found = check(policies, given);
    expect([found.verdict, found.answer?.cause]).toEqual([verdict, cause]);
  });

  it("is said with the clause that fails, and where", () => {
    expect(check([carts], { as: "web", method: "PUT" }).groups).toMatchObject([
      {
        allowed: false,
        policy: "default/carts",
        action: "ALLOW",
        rule: "read",
        hindrances: [{ path: "spec.rules[0].to[0].operation.methods", seen: "PUT", wants: "one of GET" }],
      },
    ]);
  });

  it("is said once more with dry runs in force", () => {
    const { verdict, withDryRuns } = check([carts, trial], { as: "web", path: "/carts/7" });
    expect([verdict, withDryRuns?.[0]?.policy]).toEqual(["allowed", "default/trial"]);
  });
});

describe("least privilege", () => {
  const shop = route("shop", {
    parentRefs: [cart],
    rules: [
      { name: "carts", matches: [{ path: { type: "PathPrefix", value: "/carts" } }] },
      { name: "odd", matches: [{ path: { type: "RegularExpression", value: "/[a-z]+" } }] },
      {
        name: "exact",
        matches: [{ path: { type: "Exact", value: "/total" } }, { path: { type: "Exact", value: "/sum" } }],
      },
    ],
  });
  const { model } = compiled(service("cart", { ports: [{ port: 80 }] }), shop).facts;
  const call = (caller: string, rule: string, method: string, more: Partial<Observed> = {}): Observed => ({
    caller,
    backend: "Service/default/cart:80",
    route: "default/shop",
    rule,
    method,
    class: "2xx",
    requests: 3,
    ...more,
  });
  const web = "default/web";
  const app = "default/app";
  const by = (...serviceAccounts: string[]) => ({ from: [{ source: { serviceAccounts } }] });

  it.each<[string, Observed[], object[]]>([
    [
      "names the methods by each path",
      [call(web, "carts", "POST"), call(web, "carts", "GET"), call(web, "exact", "GET")],
      [
        {
          ...by(web),
          to: [
            { operation: { methods: ["GET", "POST"], paths: ["/carts", "/carts/*"] } },
            { operation: { methods: ["GET"], paths: ["/sum", "/total"] } },
          ],
        },
      ],
    ],
    [
      "has one rule for callers that do the same",
      [call(web, "carts", "GET"), call(app, "carts", "GET")],
      [{ ...by(app, web), to: [{ operation: { methods: ["GET"], paths: ["/carts", "/carts/*"] } }] }],
    ],
    [
      "says no path where a rule takes what no policy can say",
      [call(web, "odd", "GET")],
      [{ ...by(web), to: [{ operation: { methods: ["GET"] } }] }],
    ],
    ["says nothing of how where nothing is known of it", [call(web, "odd", "")], [by(web)]],
    [
      "leaves out what was refused",
      [
        call(web, "exact", "GET"),
        call(app, "carts", "DELETE", { class: "4xx" }),
        call(app, "", "GET", { backend: "" }),
      ],
      [{ ...by(web), to: [{ operation: { methods: ["GET"], paths: ["/sum", "/total"] } }] }],
    ],
    [
      "lets anyone do what nobody in particular did",
      [call("", "exact", "GET")],
      [{ to: [{ operation: { methods: ["GET"], paths: ["/sum", "/total"] } }] }],
    ],
  ])("%s", (_, calls, rules) => {
    const { policies } = leastPrivilege(model, calls);
    expect(policies).toMatchObject([
      { metadata: { name: "service-cart-observed", namespace: "default" }, spec: { targetRefs: [cart], dryRun: true } },
    ]);
    expect(policies[0]!["spec"]).toMatchObject({ rules });
    // What is printed can be applied.
    expect(readFiles([{ name: "x.yaml", text: resourcesYaml(policies) }]).problems).toEqual([]);
  });

  it("tells of callers that nobody can name", () => {
    const { anonymous, unnamed } = leastPrivilege(model, [
      call("", "exact", "GET"),
      call("_other", "_other", "_other", { backend: "_other" }),
    ]);
    expect([anonymous, unnamed]).toEqual([[{ backend: "Service/default/cart", requests: 3 }], 3]);
  });
});
