import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identity } from "../../../mesh/identity.ts";
import type { Asked, Attribute, Clause } from "../../../mesh/policies/authorize-clause.ts";
import {
  type AuthorizationGroup,
  type AuthorizationPolicy,
  authorizer,
  explainAuthorization,
  type Finding,
} from "../../../mesh/policies/authorize.ts";

type Asking = Partial<Omit<Asked, "headers" | "request">> & { headers?: Record<string, string>; method?: string };

function asking({ headers = {}, method = "GET", ...rest }: Asking = {}): Asked {
  const all = new Headers(headers);
  const client = rest.client ?? "192.0.2.1";
  if (client !== "") all.append("x-forwarded-for", client);
  return {
    request: { method },
    path: "/",
    host: "shop.example",
    port: 80,
    headers: all,
    client,
    identity: undefined,
    chain: [],
    claims: undefined,
    ...rest,
  };
}

const policy = (
  action: AuthorizationPolicy["action"],
  clauses: readonly Clause[] | undefined,
  more: Partial<AuthorizationPolicy> = {},
): AuthorizationPolicy => ({
  name: `shop/${action.toLowerCase()}`,
  action,
  trustedProxies: 0,
  rules: clauses ? [{ name: "0", parts: clauses.map((clause) => [[clause]]) }] : [],
  ...more,
});
const values = (of: Attribute, ...texts: string[]): Clause => ({ of, path: "p", values: texts });
const notValues = (of: Attribute, ...texts: string[]): Clause => ({ of, path: "p", notValues: texts });

function decide(groups: readonly AuthorizationGroup[], asked: Asked) {
  const told: Finding[] = [];
  const refused = authorizer(groups)(asked, (finding) => told.push(finding));
  return { refused, told };
}
const allows = (one: AuthorizationPolicy, asked: Asked): boolean => decide([[one]], asked).refused === undefined;

const web = identity("mesh", "shop", "web");
const header = (name: string): Attribute => ({ kind: "header", name });
const claim = (...path: string[]): Attribute => ({ kind: "claim", path });

describe("a clause of an ALLOW rule", () => {
  it.each<[Attribute, readonly string[], Asking, boolean]>([
    [{ kind: "principal" }, ["spiffe://mesh/ns/shop/sa/web"], { identity: web }, true],
    [{ kind: "principal" }, ["mesh/ns/shop/sa/web"], { identity: web }, true],
    [{ kind: "principal" }, ["mesh/ns/shop/*"], { identity: web }, true],
    [{ kind: "principal" }, ["*/sa/web"], { identity: web }, true],
    [{ kind: "principal" }, ["*"], { identity: web }, true],
    [{ kind: "principal" }, ["*"], {}, false],
    [{ kind: "principal" }, ["mesh/ns/shop/sa/we"], { identity: web }, false],
    [{ kind: "namespace" }, ["shop"], { identity: web }, true],
    [{ kind: "namespace" }, ["sho"], { identity: web }, false],
    [{ kind: "serviceAccount" }, ["shop/web"], { identity: web }, true],
    [{ kind: "chain" }, ["*/sa/gate"], { chain: ["spiffe://mesh/ns/a/sa/x", "spiffe://mesh/ns/a/sa/gate"] }, true],
    [{ kind: "chain" }, ["*/sa/gate"], { identity: identity("mesh", "a", "gate") }, false],
    [{ kind: "requestPrincipal" }, ["https://i/alice"], { claims: { iss: "https://i", sub: "alice" } }, true],
    [{ kind: "requestPrincipal" }, ["https://i/*"], { claims: { iss: "https://i", sub: "bob" } }, true],
    [{ kind: "requestPrincipal" }, ["*"], {}, false],
    [{ kind: "audiences" }, ["a"], { claims: { aud: ["b", "a"] } }, true],
    [{ kind: "presenter" }, ["app"], { claims: { azp: "app" } }, true],
    [claim("groups"), ["admin"], { claims: { groups: ["staff", "admin"] } }, true],
    [claim("a", "b"), ["c"], { claims: { a: { b: "c" } } }, true],
    [claim("constructor"), ["*"], { claims: {} }, false],
    [claim("scope"), ["write"], { claims: { scope: "read write" } }, true],
    [claim("note"), ["write"], { claims: { note: "read write" } }, false],
    [claim("level"), ["3"], { claims: { level: 3 } }, true],
    [header("x-role"), ["admin"], { headers: { "x-role": "admin" } }, true],
    [header("x-role"), ["admin"], { headers: { "x-role": "admin2" } }, false],
    [header("x-role"), ["admin"], { headers: { "x-role": "admin, root" } }, false],
    [header("x-role"), ["admin*"], { headers: { "x-role": "admin, root" } }, false],
    [header("x-role"), ["admin"], { headers: { "x-role": "admin, admin" } }, true],
    [header("x-list"), ["a, b"], { headers: { "x-list": "a, b" } }, true],
    [header("x-role"), ["*"], {}, false],
    [{ kind: "ip" }, ["192.0.2.0/24"], {}, true],
    [{ kind: "ip" }, ["192.0.2.1"], {}, true],
    [{ kind: "ip" }, ["10.0.0.0/8"], { headers: { "x-forwarded-for": "10.1.1.1" } }, false],
    [{ kind: "ip" }, ["0.0.0.0/0"], { client: "" }, false],
    [{ kind: "ip" }, ["10.0.0.0/8"], { client: "::ffff:10.1.1.1" }, true],
    [{ kind: "ip" }, ["2001:db8::/32"], { client: "2001:db8::1" }, true],
    [{ kind: "ip" }, ["::/0"], { client: "10.1.1.1" }, false],
    [{ kind: "ip" }, ["10.0.0.0/8"], { client: "not an address" }, false],
    [{ kind: "host" }, ["Shop.example"], {}, true],
    [{ kind: "host" }, ["shop.example"], { host: "shop.example:8443" }, true],
    [{ kind: "host" }, ["shop.example:*"], { host: "shop.example:8443" }, true],
    [{ kind: "host" }, ["shop.example"], { host: "shop.example.:8443" }, true],
    [{ kind: "host" }, ["*.example"], { host: "shop.example" }, true],
    [{ kind: "port" }, ["80"], {}, true],
    [{ kind: "method" }, ["GET", "HEAD"], {}, true],
    [{ kind: "method" }, ["get"], {}, false],
    [{ kind: "path" }, ["/a/{*}"], { path: "/a/b" }, true],
    [{ kind: "condition" }, ['request.path == "/a" && source.namespace == ""'], { path: "/a" }, true],
    [{ kind: "condition" }, ['request.headers["x-a"] == "b"'], { headers: { "X-A": "b" } }, true],
  ])("%j of %j, asked with %j: %s", (of, texts, asked, expected) => {
    expect(allows(policy("ALLOW", [values(of, ...texts)]), asking(asked))).toBe(expected);
  });

  it.each<[Attribute, readonly string[], Asking, boolean]>([
    [{ kind: "namespace" }, ["shop"], {}, true],
    [{ kind: "namespace" }, ["shop"], { identity: web }, false],
    [header("x-role"), ["guest"], {}, true],
    [header("x-role"), ["guest"], { headers: { "x-role": "admin, guest" } }, false],
    [claim("groups"), ["guest"], { claims: { groups: ["staff", "guest"] } }, false],
  ])("%j that is none of %j, asked with %j: %s", (of, texts, asked, expected) => {
    expect(allows(policy("ALLOW", [notValues(of, ...texts)]), asking(asked))).toBe(expected);
  });
});

describe("a clause of a DENY rule counts a doubt against the caller", () => {
  it.each<[Clause, Asking, boolean]>([
    [values(header("x-blocked"), "true"), { headers: { "x-blocked": "true" } }, false],
    [values(header("x-blocked"), "true"), { headers: { "x-blocked": "true, true" } }, false],
    [values(header("x-blocked"), "true"), { headers: { "x-blocked": "false, true" } }, false],
    [values(header("x-blocked"), "true"), { headers: { "x-blocked": "false" } }, true],
    [values(header("x-blocked"), "true"), {}, true],
    [notValues(header("x-role"), "admin"), { headers: { "x-role": "admin, x" } }, false],
    [notValues(header("x-role"), "admin"), { headers: { "x-role": "admin" } }, true],
    [values({ kind: "condition" }, 'claims.level == "low"'), {}, false],
  ])("%j, asked with %j: %s", (clause, asked, expected) => {
    expect(allows(policy("DENY", [clause]), asking(asked))).toBe(expected);
  });
});

describe("the client's address behind trusted proxies", () => {
  it.each<[number, string, string | undefined]>([
    [0, "10.9.9.9", "192.0.2.1"],
    [1, "10.9.9.9, 10.1.1.1", "10.1.1.1"],
    [2, "10.9.9.9, 10.1.1.1", "10.9.9.9"],
    [3, "10.9.9.9, 10.1.1.1", undefined],
    [1, "", undefined],
  ])("with %d of them and X-Forwarded-For %j is %s", (trustedProxies, forwarded, address) => {
    const asked = asking({ headers: forwarded === "" ? {} : { "x-forwarded-for": forwarded } });
    const block = (text: string) => policy("ALLOW", [values({ kind: "remoteIp" }, text)], { trustedProxies });
    expect(allows(block(address ?? "::/0"), asked)).toBe(address !== undefined);
    expect(allows(block("0.0.0.0/0"), asked)).toBe(address !== undefined);
  });
});

/** Policies over one attribute, so that an oracle can be written in a few lines. */
const paths = fc.constantFrom("/a", "/b", "/c");
const onPaths = fc
  .record({
    action: fc.constantFrom("ALLOW", "DENY", "AUDIT"),
    dryRun: fc.boolean(),
    rules: fc.array(fc.subarray(["/a", "/b", "/c"], { minLength: 1 }), { maxLength: 2 }),
  })
  .map(({ action, dryRun, rules }, index = 0): AuthorizationPolicy => ({
    name: `shop/${action}-${index}`,
    action,
    ...(dryRun && { dryRun }),
    trustedProxies: 0,
    rules: rules.map((texts, nth) => ({ name: String(nth), parts: [[[values({ kind: "path" }, ...texts)]]] })),
  }));

/** Istio, "Authorization Policy": deny if a DENY policy matches; allow if there is no ALLOW policy; allow if one matches; deny. */
function oracle(group: AuthorizationGroup, path: string): boolean {
  const matching = ({ rules }: AuthorizationPolicy) =>
    rules.some(({ parts }) => parts[0]?.[0]?.[0]?.values?.includes(path));
  if (group.some((one) => one.action === "DENY" && matching(one))) return false;
  const allow = group.filter(({ action }) => action === "ALLOW");
  return allow.length === 0 || allow.some(matching);
}

describe("many policies", () => {
  it("decide as Istio says, whatever their order, and their explanation decides the same", () => {
    fc.assert(
      fc.property(fc.array(fc.array(onPaths, { maxLength: 5 }), { maxLength: 3 }), paths, (groups, path) => {
        const enforced = groups.map((group) => group.filter(({ dryRun }) => !dryRun));
        const expected = enforced.every((group) => oracle(group, path));
        const { refused, told } = decide(groups, asking({ path }));
        expect(refused === undefined).toBe(expected);
        const explained = explainAuthorization(groups, asking({ path }));
        expect(explained.every(({ allowed }) => allowed)).toBe(expected);
        // A dry run is told of exactly where enforcing it would have refused what is allowed now.
        const first = enforced.findIndex((group) => !oracle(group, path));
        const admitting = first < 0 ? groups : groups.slice(0, first);
        const wouldDeny = told.filter(({ effect }) => effect === "would-deny");
        expect(wouldDeny.length).toBe(admitting.filter((group) => !oracle(group, path)).length);
      }),
      { numRuns: 2000 },
    );
  });

  it("tell of what is to be audited, and let it go on", () => {
    const { refused, told } = decide([[policy("AUDIT", [values({ kind: "method" }, "GET")])]], asking());
    expect([refused, told]).toEqual([undefined, [{ effect: "audited", policy: "shop/audit", rule: "0" }]]);
  });

  it("that allow nothing refuse everything", () => {
    expect(decide([[policy("ALLOW", undefined)]], asking()).refused).toEqual({
      effect: "denied",
      policy: "shop/allow",
    });
    const open = policy("ALLOW", []);
    expect(
      decide([[policy("ALLOW", undefined), { ...open, rules: [{ name: "0", parts: [] }] }]], asking()).refused,
    ).toBe(undefined);
  });
});

describe("an explanation", () => {
  const carts: AuthorizationPolicy = {
    name: "shop/carts",
    action: "ALLOW",
    trustedProxies: 0,
    rules: [
      {
        name: "read",
        parts: [
          [[{ of: { kind: "namespace" }, path: "spec.rules[0].from[0].source.namespaces", values: ["shop"] }]],
          [
            [
              { of: { kind: "method" }, path: "spec.rules[0].to[0].operation.methods", values: ["GET"] },
              { of: { kind: "path" }, path: "spec.rules[0].to[0].operation.paths", values: ["/cart"] },
            ],
          ],
        ],
      },
      {
        name: "write",
        parts: [
          [[{ of: { kind: "namespace" }, path: "spec.rules[1].from[0].source.namespaces", values: ["shop"] }]],
          [[{ of: { kind: "method" }, path: "spec.rules[1].to[0].operation.methods", values: ["PUT"] }]],
        ],
      },
    ],
  };

  it("of a refusal names the nearest rule and what fails in it", () => {
    const [explained] = explainAuthorization(
      [[carts]],
      asking({ identity: identity("mesh", "test", "t"), path: "/cart" }),
    );
    expect(explained).toEqual({
      allowed: false,
      policies: ["shop/carts"],
      policy: "shop/carts",
      action: "ALLOW",
      rule: "read",
      hindrances: [{ path: "spec.rules[0].from[0].source.namespaces", seen: "test", wants: "one of shop" }],
    });
  });

  it("of a DENY names what matched, any of which would have to differ", () => {
    const deny = policy("DENY", [values({ kind: "path" }, "/admin/*"), notValues({ kind: "namespace" }, "ops")]);
    const [explained] = explainAuthorization([[deny]], asking({ path: "/admin/x" }));
    expect(explained).toEqual({
      allowed: false,
      policies: ["shop/deny"],
      policy: "shop/deny",
      action: "DENY",
      rule: "0",
      hindrances: [
        { path: "p", seen: "/admin/x", wants: "none of /admin/*" },
        { path: "p", seen: "", wants: "one of ops" },
      ],
    });
  });
});
