import { describe, expect, it } from "vitest";
import type { Cors } from "../../../mesh/policies/cors.ts";
import { cors } from "../../../workers/edge-proxy/layers/cors.ts";
import { callWith } from "./call.ts";

const ORIGIN = "https://a.example";

/** One request through the layer: whether it went on, and the headers of its answer. */
async function pass(headers: Record<string, string>, method = "GET", upstream: Record<string, string> = {}) {
  const policy: Cors = {
    origins: [ORIGIN],
    credentials: true,
    methods: ["PUT"],
    headers: [],
    expose: ["*"],
    maxAgeSeconds: 5,
  };
  const call = callWith({}, { request: new Request("http://shop.example/", { method, headers }) });
  let wentOn = false;
  const response = await cors({ kind: "cors", ...policy })(() => {
    wentOn = true;
    return Promise.resolve(new Response("ok", { headers: upstream }));
  })(call);
  call.onAnswer?.(response.headers);
  return { wentOn, status: response.status, headers: Object.fromEntries(response.headers) };
}

const ASKS = { origin: ORIGIN, "access-control-request-method": "PUT" };

describe("CORS", () => {
  it.each<[string, Record<string, string>, string, boolean]>([
    ["a preflight", ASKS, "OPTIONS", false],
    ["a preflight of another origin", { ...ASKS, origin: "https://b.example" }, "OPTIONS", false],
    ["OPTIONS that asks for nothing", { origin: ORIGIN }, "OPTIONS", true],
    ["OPTIONS of no page", { "access-control-request-method": "PUT" }, "OPTIONS", true],
    ["a request that looks like a preflight but for its method", ASKS, "GET", true],
  ])("answers %s, or lets it go on", async (_, headers, method, expected) => {
    const { wentOn, status } = await pass(headers, method);
    expect([wentOn, status]).toEqual([expected, expected ? 200 : 204]);
  });

  it("takes the place of what the upstream says, and exposes its headers by name", async () => {
    const upstream = {
      "access-control-allow-origin": "*",
      "access-control-max-age": "9",
      etag: "1",
      vary: "Accept, Origin",
    };
    expect((await pass({ origin: ORIGIN }, "GET", upstream)).headers).toEqual({
      "access-control-allow-origin": ORIGIN,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "content-type, etag, vary",
      "content-type": "text/plain;charset=UTF-8",
      etag: "1",
      vary: "Accept, Origin",
    });
  });

  it.each([
    [{}, "origin"],
    [{ vary: "Accept" }, "Accept, origin"],
    [{ vary: "*" }, "*"],
  ])("of a request without origin only says that answers vary, beside %j", async (upstream, vary) => {
    const { headers } = await pass({}, "GET", { ...upstream, "access-control-allow-origin": "*" });
    expect(headers).toEqual({ "content-type": "text/plain;charset=UTF-8", vary });
  });
});
