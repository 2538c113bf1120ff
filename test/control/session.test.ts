import { env, exports } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, it, onTestFinished, vi } from "vitest";
import type { SignInResponse } from "../../mesh/api.ts";

const PAGE = { "selvedge-dashboard": "1" };
const OWN = { ...PAGE, origin: "http://control" };
const call = (method: string, path: string, headers: Record<string, string>, body?: object, scheme = "http") =>
  exports.default.fetch(
    new Request(`${scheme}://control${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) }),
  );
const token = env.CONTROL_TOKEN;

it.each([
  ["http", `selvedge=${token}; Max-Age=86400; Path=/v1; HttpOnly; SameSite=Strict`],
  ["https", `__Host-selvedge=${token}; Max-Age=86400; Path=/; Secure; HttpOnly; SameSite=Strict`],
])("keeps the token over %s in a cookie that no script reads", async (scheme, cookie) => {
  const response = await call("POST", "/session", { ...PAGE, origin: `${scheme}://control` }, { token }, scheme);
  expect([response.status, response.headers.get("set-cookie")]).toEqual([204, cookie]);
});

it.each([
  ["a wrong token", OWN, "a-token-of-more-than-thirty-two-characterz"],
  ["a page elsewhere", { ...PAGE, origin: "http://elsewhere" }, token],
  ["a form", { origin: "http://control" }, token],
])("opens no session for %s", async (_, headers, given) => {
  const response = await call("POST", "/session", headers, { token: given });
  expect([response.status, response.headers.get("set-cookie")]).toEqual([401, null]);
});

it.each([
  ["GET", "/v1/edges", PAGE, 200],
  ["GET", "/v1/edges", {}, 401],
  ["POST", "/v1/publish", OWN, 200],
  ["POST", "/v1/publish", PAGE, 401],
  ["POST", "/v1/publish", { ...PAGE, origin: "http://control:8787" }, 401],
] as const)("answers a cookie's %s %s with %j by %i", async (method, path, headers, status) => {
  expect((await call(method, path, { ...headers, cookie: `selvedge=${token}` })).status).toBe(status);
});

const codeOf = async (): Promise<string> => {
  const response = await call("POST", "/v1/sign-in", { authorization: `Bearer ${token}` }, {});
  expect(response.status).toBe(200);
  return (await response.json<SignInResponse>()).code;
};

it("opens a session by a code, once", async () => {
  const code = await codeOf();
  const tries = await Promise.all([1, 2, 3].map(() => call("POST", "/session", OWN, { code })));
  expect(tries.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 401, 401]);
  const cookies = tries.map(({ headers }) => headers.get("set-cookie")).filter((cookie) => cookie !== null);
  expect(cookies).toEqual([`selvedge=${token}; Max-Age=86400; Path=/v1; HttpOnly; SameSite=Strict`]);
});

it("opens no session by a code that is a minute old, nor by one that never was", async () => {
  const code = await codeOf();
  vi.setSystemTime(Date.now() + 60_000);
  onTestFinished(() => void vi.useRealTimers());
  const tries = [code, "0".repeat(64), ""].map((one) => call("POST", "/session", OWN, { code: one }));
  expect((await Promise.all(tries)).map(({ status }) => status)).toEqual([401, 401, 401]);
});

it("keeps neither a code nor the token behind it in storage", async () => {
  const code = await codeOf();
  const rows = await runInDurableObject(env.CONFIG.getByName("config"), (_object, { storage }) =>
    storage.sql.exec<{ hash: string; sealed: ArrayBuffer }>("SELECT * FROM sign_ins").toArray(),
  );
  const kept = rows.map(({ hash, sealed }) => hash + new TextDecoder("latin1").decode(sealed)).join();
  expect([rows.length > 0, kept.includes(code), kept.includes(token)]).toEqual([true, false, false]);
});

it.each([
  ["an open one", { ...PAGE, cookie: `selvedge=${token}` }, true],
  ["none", PAGE, false],
  ["one whose token is not known", { ...PAGE, cookie: "selvedge=a-token-of-more-than-thirty-two-characterz" }, false],
  ["one that a page elsewhere asks about", { cookie: `selvedge=${token}` }, false],
])("says of a session whether it is open: %s", async (_, headers, open) => {
  const response = await call("GET", "/v1/session", headers);
  expect([response.status, await response.json()]).toEqual([200, { open }]);
});
