import { describe, expect, it } from "vitest";
import {
  type Circumstances,
  condition,
  conditionProblem,
  quantity,
  quantityProblem,
} from "../../../mesh/policies/condition.ts";

const circumstances: Circumstances = {
  request: { method: "GET", path: "/cart/7", host: "shop.example", headers: { "x-tier": "gold", __proto__: "p" } },
  source: {
    principal: "spiffe://mesh/ns/shop/sa/web",
    namespace: "shop",
    serviceAccount: "web",
    ip: "192.0.2.1",
    chain: ["spiffe://mesh/ns/front/sa/gate"],
  },
  claims: { sub: "alice", groups: ["staff", "admin"], level: 3, "https://x/y": "z", nested: { deep: [1, 2] } },
};

describe("a condition in CEL", () => {
  it.each([
    ['request.method == "GET" && request.path.startsWith("/cart/")', true],
    ['claims.groups.exists(group, group == "admin")', true],
    ['"admin" in claims.groups', true],
    ["claims.level >= 4", false],
    ['claims["https://x/y"] == "z"', true],
    ["claims.nested.deep[1] == 2", true],
    ['has(claims.missing) && claims.missing == "x"', false],
    ['re2(request.path, "/cart/[0-9]+")', true],
    ['re2(request.path, "/cart")', false],
    ['request.headers["x-tier"] == "gold"', true],
    ['source.chain.all(hop, hop.contains("/ns/front/"))', true],
    ['source.principal.endsWith("/sa/web") ? source.ip == "192.0.2.1" : false', true],
  ])("%s", (text, expected) => {
    expect(conditionProblem(text)).toBeUndefined();
    expect(condition(text).holds(circumstances)).toBe(expected);
  });

  it.each([
    ["request.path ==", "1:16 in it: Unexpected token: EOF"],
    ['request.pth == "/a"', "1:9 in it: No such key: pth"],
    ["user.name == 'a'", "1:1 in it: Unknown variable: user"],
    ["1 + 1", "must be true or false, and is of type int"],
    ["request.method > 3", "1:1 in it: no such overload: string > int"],
    [
      'request.path\n  .matches("a+")',
      "1:1 in it: matches is not carried: write re2(text, 'pattern'), of the whole text",
    ],
    ['re2(request.path, "[a")', "1:19 in it: [a: error parsing regexp: missing closing ]: `[a`"],
    ["re2(request.path, request.host)", "1:1 in it: the pattern of re2 must be written out"],
    ["claims.a.exists(x, claims.b.exists(y, x == y))", "1:20 in it: exists must not stand within another iteration"],
    ['claims.a.all(x, re2(x, "a"))', "1:17 in it: re2 must not stand within an iteration"],
  ])("%s is refused: %s", (text, problem) => {
    expect(conditionProblem(text)).toBe(problem);
  });

  it("of more than 200 nodes is refused", () => {
    const long = Array.from({ length: 80 }, () => 'request.path == "/"').join(" || ");
    expect(conditionProblem(long)).toMatch(/max.*200|200/i);
  });

  it("asks for headers only where it mentions them", () => {
    expect(condition('request.headers["a"] == "b"').readsHeaders).toBe(true);
    expect(condition('request.path == "/"').readsHeaders).toBe(false);
  });
});

describe("a quantity in CEL", () => {
  it.each([
    ["3", 3],
    ["1.5 * 2.0", 3],
    ['request.method == "POST" ? 10 : 1', 10 - 9],
    ["claims.level", 3],
    ["size(claims.groups)", 2],
    ['int(request.headers["x-weight"])', 7],
    ["claims.sub", NaN],
  ])("%s", (text, expected) => {
    expect(quantityProblem(text)).toBeUndefined();
    const { request } = circumstances;
    const heavy = { ...circumstances, request: { ...request, headers: { "x-weight": "7" } } };
    expect(quantity(text).of(heavy)).toBe(expected);
  });

  it("that cannot be computed throws", () => {
    expect(() => quantity('int(request.headers["x-weight"])').of(circumstances)).toThrow("No such key: x-weight");
  });

  it.each([
    ["request.path", "must be a number, and is of type string"],
    ["true", "must be a number, and is of type bool"],
    ["1 +", "1:4 in it: Unexpected token: EOF"],
  ])("%s is refused: %s", (text, problem) => {
    expect(quantityProblem(text)).toBe(problem);
  });
});
