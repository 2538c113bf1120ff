import { env, exports } from "cloudflare:workers";
import { expect, it } from "vitest";

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

it.each([
  ["an open one", { ...PAGE, cookie: `selvedge=${token}` }, true],
  ["none", PAGE, false],
  ["one whose token is not known", { ...PAGE, cookie: "selvedge=a-token-of-more-than-thirty-two-characterz" }, false],
  ["one that a page elsewhere asks about", { cookie: `selvedge=${token}` }, false],
])("says of a session whether it is open: %s", async (_, headers, open) => {
  const response = await call("GET", "/v1/session", headers);
  expect([response.status, await response.json()]).toEqual([200, { open }]);
});
