import { describe, expect, it } from "vitest";
import { type Answered, logFilter, logFilterProblem } from "../../../mesh/policies/log-filter.ts";

const answered: Answered = {
  request: { method: "POST", path: "/pay/7", host: "shop.example", headers: { "x-tier": "gold" } },
  source: { principal: "", namespace: "shop", serviceAccount: "web", ip: "192.0.2.1", chain: [] },
  claims: { sub: "alice" },
  response: { status: 503, cause: "breaker-open", durationMs: 12.6 },
};

describe("a filter of the access log", () => {
  it.each([
    ["response.status >= 500", true],
    ["response.status == 503", true],
    ["response.status in [200, 404]", false],
    ["response.durationMs > 12", true],
    ["response.durationMs > 1000", false],
    ['response.cause == "breaker-open"', true],
    ['response.status >= 400 && request.path.startsWith("/pay/") && source.namespace == "shop"', true],
    ['request.headers["x-tier"] == "silver"', false],
    ['claims.sub == "bob"', false],
  ])("%s", (text, expected) => {
    expect(logFilterProblem(text)).toBeUndefined();
    expect(logFilter(text).admits(answered)).toBe(expected);
  });

  it("admits what it cannot decide about", () => {
    expect(logFilter('request.headers["x-missing"] == "a"').admits(answered)).toBe(true);
  });

  it.each([
    ["response.state == 200", "1:10 in it: No such key: state"],
    ["response.status", "must be true or false, and is of type int"],
    ["request.path.matches('a+')", "1:1 in it: matches is not carried: write re2(text, 'pattern'), of the whole text"],
    ["claims.a.exists(x, claims.b.exists(y, x == y))", "1:20 in it: exists must not stand within another iteration"],
  ])("%s is refused: %s", (text, problem) => {
    expect(logFilterProblem(text)).toBe(problem);
  });
});
