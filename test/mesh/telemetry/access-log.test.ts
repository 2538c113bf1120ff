import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessLog, accessLine, type Logged, outcomeOf } from "../../../mesh/telemetry/access-log.ts";
import { namesCredential, redactedQuery, redactedText } from "../../../mesh/telemetry/redaction.ts";

const NONE = new Set<string>();
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

describe("a name", () => {
  it.each([
    ..."authorization proxy-authorization cookie set-cookie x-api-key X-Amz-Security-Token x-csrf-token cf-access-jwt-assertion".split(
      " ",
    ),
    ..."token access_token id_token refreshToken key api_key apiKey apikey AWSAccessKeyId client_secret password passwd".split(
      " ",
    ),
    ..."sig Signature X-Goog-Signature session_id PHPSESSID code otp auth card".split(" "),
  ])("%s is a credential's", (name) => {
    expect(namesCredential(name, new Set(["card"]))).toBe(true);
  });

  it.each(
    "accept user-agent content-type x-tenant page q keyword monkey author signed sort encoding postcode".split(" "),
  )("%s is none", (name) => {
    expect(namesCredential(name, NONE)).toBe(false);
  });
});

describe("what is written down", () => {
  it.each([
    ["a=1&token=abc&b=2", "a=1&token=REDACTED&b=2"],
    ["token=abc=def", "token=REDACTED"],
    ["%74oken=abc", "%74oken=REDACTED"],
    ["api%5Fkey=abc;x=1", "api%5Fkey=REDACTED;x=1"],
    ["%zz=1&key=2", "%zz=1&key=REDACTED"],
    ["token", "token"],
    ["", ""],
    [`next=${JWT}`, "next=REDACTED"],
  ])("of the query %s is %s", (query, shown) => {
    expect(redactedQuery(query, NONE)).toBe(shown);
  });

  it.each([
    ["/cart/7", "/cart/7"],
    [`/verify/${JWT}/now`, "/verify/REDACTED/now"],
    ["https://u:p@shop.example/a?sig=1&b=2", "https://REDACTED@shop.example/a?sig=REDACTED&b=2"],
    ["https://shop.example/cb#access_token=abc&state=1", "https://shop.example/cb#access_token=REDACTED&state=1"],
    ["https://shop.example/cb?a=1#access_token=abc", "https://shop.example/cb?a=1#access_token=REDACTED"],
    ["Bearer abcdef", "REDACTED"],
    ["x".repeat(5000), "x".repeat(1024)],
  ])("of %s is %s", (text, shown) => {
    expect(redactedText(text, NONE)).toBe(shown);
  });

  it("never has the value of a parameter that is a credential, whatever stands around it", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,6}(=[a-z0-9]{0,6})?$/);
    fc.assert(
      fc.property(
        fc.array(part),
        fc.array(part),
        fc.constantFrom("token", "api_key", "Password"),
        (before, after, name) => {
          const query = [...before, `${name}=S3CRET`, ...after].join("&");
          expect(redactedQuery(query, NONE)).not.toContain("S3CRET");
        },
      ),
    );
  });
});

const log: AccessLog = {
  shares: { success: 1, clientError: 1, serverError: 1 },
  requestHeaders: ["authorization", "x-tenant", "referer", "x-missing"],
  responseHeaders: ["set-cookie"],
  redact: [],
};
const logged = (more: Partial<Logged> = {}): Logged => ({
  began: Date.UTC(2026, 10, 26, 8, 0, 0, 5),
  durationMs: 12,
  epoch: 3,
  method: "GET",
  scheme: "https",
  host: "shop.example",
  path: "/cart",
  search: "?page=2&token=abc",
  status: 200,
  cause: "",
  degraded: undefined,
  wouldDeny: false,
  route: "shop/cart",
  rule: "0",
  backend: "Service/shop/cart:80",
  attempts: 1,
  hedges: 0,
  client: "192.0.2.1",
  caller: "shop/web",
  requestHeaders: new Headers({
    authorization: "Bearer abcdef",
    "x-tenant": "t1",
    referer: "https://a.example/?key=1",
    "user-agent": "curl/8",
    "content-length": "0",
  }),
  responseHeaders: new Headers({ "set-cookie": "sid=1", "content-length": "512" }),
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  sampled: true,
  share: 1,
  ...more,
});

describe("a line", () => {
  it("has what docs/access-logs.md says, in that order, with no credential", () => {
    expect(accessLine(log, NONE, logged())).toBe(
      JSON.stringify({
        kind: "access",
        time: "2026-11-26T08:00:00.005Z",
        durationMs: 12,
        method: "GET",
        scheme: "https",
        host: "shop.example",
        path: "/cart",
        query: "page=2&token=REDACTED",
        status: 200,
        route: "shop/cart",
        rule: "0",
        backend: "Service/shop/cart:80",
        attempts: 1,
        client: "192.0.2.1",
        caller: "shop/web",
        userAgent: "curl/8",
        requestBytes: 0,
        responseBytes: 512,
        requestHeaders: {
          authorization: "REDACTED",
          "x-tenant": "t1",
          referer: "https://a.example/?key=REDACTED",
        },
        responseHeaders: { "set-cookie": "REDACTED" },
        epoch: 3,
        traceId: "0af7651916cd43dd8448eb211c80319c",
        spanId: "b7ad6b7169203331",
        sampled: true,
      }),
    );
  });

  it("says what the mesh did, and of how many it stands for", () => {
    const denied = { status: 503, cause: "breaker-open", degraded: "breaker", wouldDeny: true, hedges: 1, share: 0.1 };
    expect(JSON.parse(accessLine(log, NONE, logged({ ...denied, backend: "", attempts: 0 })))).toMatchObject(denied);
  });

  it("stays one line whatever the caller sends", () => {
    const { path } = JSON.parse(accessLine(log, NONE, logged({ path: '/a"\n{\u2028' }))) as { path: string };
    expect(path).toBe('/a"\n{\u2028');
    expect(accessLine(log, NONE, logged({ path: "/a\nb" }))).not.toContain("\n");
  });
});

describe("an outcome", () => {
  it.each([
    [101, "success"],
    [200, "success"],
    [399, "success"],
    [400, "clientError"],
    [499, "clientError"],
    [500, "serverError"],
    [599, "serverError"],
  ])("of %d is %s", (status, outcome) => {
    expect(outcomeOf(status)).toBe(outcome);
  });
});
