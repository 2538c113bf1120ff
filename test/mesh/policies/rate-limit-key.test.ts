import { describe, expect, it } from "vitest";
import { identity } from "../../../mesh/identity.ts";
import { type Keyed, type KeyPart, keyReader, templateProblem } from "../../../mesh/policies/rate-limit-key.ts";

const call = ({ headers = {}, method = "GET", ...rest }: Asking = {}): Keyed => ({
  request: { method, headers: new Headers(headers) },
  path: "/",
  client: "192.0.2.1",
  identity: undefined,
  claims: undefined,
  ...rest,
});
type Asking = Partial<Omit<Keyed, "request">> & { headers?: Record<string, string>; method?: string };

const web = identity("mesh.internal", "shop", "web");
const path = (...templates: string[]): KeyPart => ({ type: "Path", templates });
const claim = (...members: string[]): KeyPart => ({ type: "Claim", path: members });

describe("a key", () => {
  it.each<[KeyPart, Asking, string]>([
    [{ type: "ClientAddress" }, {}, "192.0.2.1"],
    [{ type: "ClientAddress" }, { client: "" }, ""],
    [{ type: "ClientAddress" }, { client: "2001:db8:1:2:3::4" }, "2001:db8:1:2::/64"],
    [{ type: "ClientAddress" }, { client: "::ffff:192.0.2.1" }, "192.0.2.1"],
    [{ type: "ClientAddress", v4: 24 }, {}, "192.0.2.0/24"],
    [{ type: "ClientAddress", v4: 20 }, { client: "192.0.255.1" }, "192.0.240.0/20"],
    [{ type: "ClientAddress", v6: 128 }, { client: "2001:DB8::4" }, "2001:db8::4"],
    [{ type: "ClientAddress", v6: 36 }, { client: "2001:db8:ffff::4" }, "2001:db8:f000::/36"],
    [{ type: "Header", name: "x-key" }, { headers: { "X-Key": "a" } }, "a"],
    [{ type: "Header", name: "x-key" }, {}, ""],
    [{ type: "Cookie", name: "id" }, { headers: { cookie: "aid=1; id=2; id=3" } }, "2"],
    [{ type: "Cookie", name: "id" }, {}, ""],
    [claim("sub"), { claims: { sub: "alice" } }, "alice"],
    [claim("org", "id"), { claims: { org: { id: 7 } } }, "7"],
    [claim("roles"), { claims: { roles: ["a", "b"] } }, '["a","b"]'],
    [claim("sub"), {}, ""],
    [claim("constructor"), { claims: {} }, ""],
    [{ type: "Identity" }, { identity: web }, "spiffe://mesh.internal/ns/shop/sa/web"],
    [{ type: "Identity" }, {}, ""],
    [{ type: "Namespace" }, { identity: web }, "shop"],
    [{ type: "Method" }, { method: "POST" }, "POST"],
    [{ type: "Constant", value: "all" }, {}, "all"],
    [path("/users/{user}/cart"), { path: "/users/7/cart" }, "/users/7/cart"],
    [path("/users/{user}/cart"), { path: "/users//cart" }, ""],
    [path("/users/{user}/cart"), { path: "/users/7/cart/1" }, ""],
    [path("/users/{user}/{**}"), { path: "/users/7/a/b" }, "/users/7/{**}"],
    [path("/users/{user}/{**}"), { path: "/users/7" }, ""],
    [path("/users/{*}", "/{**}"), { path: "/users/7" }, "/users/{*}"],
    [path("/users/{*}", "/{**}"), { path: "/orders/7" }, "/{**}"],
    [path("/a/{x}/{*}/{y}"), { path: "/a/1/2/3" }, "/a/1/{*}/3"],
  ])("%j of %j is %s", (part, asking, value) => {
    expect(keyReader(part)(call(asking))).toBe(value);
  });

  it("of a kind that is not known is refused", () => {
    expect(() => keyReader({ type: "Mood" } as unknown as KeyPart)).toThrow("unknown key Mood");
  });
});

describe("a template", () => {
  it.each([
    ["/users/{user}", undefined],
    ["/{**}", undefined],
    ["users", "must begin with /"],
    ["/{**}/a", "nothing may follow {**}"],
    ["/a{b}", "a{b} must be {name}, {*} or {**}, alone in its segment"],
    ["/{}", "{} must be {name}, {*} or {**}, alone in its segment"],
  ])("%s: %s", (template, problem) => {
    expect(templateProblem(template)).toBe(problem);
  });
});
