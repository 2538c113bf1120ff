import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { reset } from "cloudflare:test";
import { controller } from "../../workers/control/index.ts";
import { applying, authorized, post, refused, send, sendWith, service } from "./client.ts";

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

describe("whoever tries secrets", () => {
  const PATHS = {
    operator: { path: "/v1/history", method: "GET" },
    workload: { path: "/v1/identity/token", method: "POST" },
  } as const;
  let isolate = controller();
  beforeEach(() => void (isolate = controller()));
  const ask = (path: string, init: RequestInit) => sendWith({ CLIENT_ADDRESS: "x-client" }, path, init, isolate);
  const tries = async (from: string, secret: string, as: keyof typeof PATHS = "operator") => {
    const { path, method } = PATHS[as];
    const headers = { authorization: `Bearer ${secret}`, "x-client": from };
    const response = await ask(path, { method, headers });
    return [response.status, response.headers.get("retry-after")] as const;
  };
  const all = async (from: string, secrets: readonly string[], as?: keyof typeof PATHS) => {
    const statuses: number[] = [];
    for (const secret of secrets) statuses.push((await tries(from, secret, as))[0]);
    return statuses;
  };
  const wrong = Array.from({ length: 12 }, (_, each) => `wrong-${each}`);
  const refusedAfterTen = [...Array.from({ length: 10 }, () => 401), 429, 429];
  const same = Array.from({ length: 12 }, () => "shop.web.expired");

  it("from one address is not looked at after ten, though the next one is right; others are", async () => {
    expect(await all("192.0.2.7", wrong)).toEqual(refusedAfterTen);
    const [status, after] = await tries("192.0.2.7", env.CONTROL_TOKEN);
    expect([status, Number(after) > 50 && Number(after) <= 60]).toEqual([429, true]);
    expect(await tries("192.0.2.8", env.CONTROL_TOKEN)).toEqual([200, null]);
  });

  it("from one IPv6 network is one, whichever of its addresses is used", async () => {
    const statuses = await Promise.all(wrong.map((secret, each) => tries(`2001:db8::${each}`, secret)));
    expect(statuses.map(([status]) => status)).toEqual(refusedAfterTen);
    expect((await tries("2001:db8::ffff", env.CONTROL_TOKEN))[0]).toBe(429);
    expect((await tries("2001:db8:1::", env.CONTROL_TOKEN))[0]).toBe(200);
  });

  it("with one secret that is no longer good, again and again, shuts out nobody", async () => {
    expect(await all("192.0.2.9", same)).toEqual(same.map(() => 401));
    expect((await tries("192.0.2.9", env.CONTROL_TOKEN))[0]).toBe(200);
  });

  it.each(["127.0.0.1", ""])("from %j, where everyone may be, is refused but shuts out nobody", async (from) => {
    expect(await all(from, wrong)).toEqual(refusedAfterTen);
    expect((await tries(from, env.CONTROL_TOKEN))[0]).toBe(200);
  });

  it("as a workload shuts out no other workload, and no operator", async () => {
    const secrets = wrong.map((secret) => `shop.web.${secret}`);
    expect(await all("192.0.2.10", secrets, "workload")).toEqual(refusedAfterTen);
    expect((await tries("192.0.2.10", "shop.cart.wrong", "workload"))[0]).toBe(401);
    expect((await tries("192.0.2.10", env.CONTROL_TOKEN))[0]).toBe(200);
  });

  it("by sign-in codes is one with who tries tokens", async () => {
    const headers = { "x-client": "192.0.2.11", "selvedge-dashboard": "1", origin: "http://control" };
    const signIn = async (code: string) => (await ask("/session", post({ code }, headers))).status;
    const statuses: number[] = [];
    for (const code of wrong) statuses.push(await signIn(code));
    expect(statuses).toEqual(refusedAfterTen);
    expect((await tries("192.0.2.11", env.CONTROL_TOKEN))[0]).toBe(429);
  });

  it("is told without a secret what it always is", async () => {
    const asked = wrong.map(() => ask("/v1/history", { headers: { authorization: "" } }));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([401]));
  });
});
