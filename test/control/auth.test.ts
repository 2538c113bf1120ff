import { env, exports } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { reset } from "cloudflare:test";
import { applying, authorized, refused, send, sendWith, service } from "./client.ts";

beforeEach(() => reset());

const bare = (path: string, headers: Record<string, string>, method = "GET") =>
  exports.default.fetch(new Request(`http://control${path}`, { method, headers }));

it.each([
  ["no token", {}],
  ["a wrong token", { authorization: "Bearer a-token-of-more-than-thirty-two-characterz" }],
  ["the start of the token", { authorization: `Bearer ${env.CONTROL_TOKEN.slice(0, -1)}` }],
  ["the token twice", { authorization: `Bearer ${env.CONTROL_TOKEN}${env.CONTROL_TOKEN}` }],
  ["an empty token", { authorization: "Bearer " }],
  ["the token under another scheme", { authorization: `Basic ${env.CONTROL_TOKEN}` }],
  ["the token without a scheme", { authorization: env.CONTROL_TOKEN }],
] as const)("refuses %s, always in the same words", async (_, headers) => {
  const answers = await Promise.all([bare("/v1/resources", headers), bare("/v1/resources", {})]);
  const [given, without] = await Promise.all(
    answers.map(async (response) => [response.status, [...response.headers], await response.text()]),
  );
  expect(given).toEqual(without);
  expect(answers[0].status).toBe(401);
  expect(answers[0].headers.get("www-authenticate")).toBe("Bearer");
});

it.each([
  ["POST", "/"],
  ["GET", "/v1/nowhere"],
  ["PUT", "/v1/apply"],
  ["OPTIONS", "/v1/apply"],
  ["POST", "/v1/publish"],
  ["GET", "/.well-known/anything"],
  ["GET", "/v1/../v1/check"],
])("tells strangers nothing on %s %s", async (method, path) => {
  expect((await bare(path, {}, method)).status).toBe(401);
});

it("takes the scheme in any case", async () => {
  expect((await bare("/v1/history", { authorization: `bearer ${env.CONTROL_TOKEN}` })).status).toBe(200);
});

it.each([undefined, "", "fifteen-letters"])("answers no one while the secret is %j", async (CONTROL_TOKEN) => {
  const headers = { authorization: `Bearer ${CONTROL_TOKEN ?? "undefined"}` };
  const response = await sendWith({ CONTROL_TOKEN } as { CONTROL_TOKEN: string }, "/v1/resources", { headers });
  const { said, problem } = await refused(response);
  expect(said).toBe("503 unavailable");
  expect(problem.detail).toMatch("wrangler secret put CONTROL_TOKEN");
});

it("does nothing for a stranger's apply", async () => {
  await exports.default.fetch(new Request("http://control/v1/apply", { ...applying(service("cart")), headers: {} }));
  expect(await (await send("/v1/history")).json()).toEqual({ items: [] });
});

it("keeps every answer out of caches, refusals too", async () => {
  for (const response of [await bare("/v1/check", authorized), await bare("/v1/check", {}), await send("/nowhere")]) {
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  }
});
