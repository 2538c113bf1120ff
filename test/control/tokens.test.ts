import { reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import type { ApiTokensResponse, HistoryResponse } from "../../mesh/api.ts";
import type { Role } from "../../mesh/role.ts";
import { restart } from "./worker.ts";
import { accepted, applying, get, post, refused, send, service } from "./client.ts";

beforeEach(async () => {
  restart();
  await reset();
});

const create = async (name: string, role: Role, expiresInMs?: number): Promise<string> => {
  const response = await send("/v1/tokens", post({ name, role, ...(expiresInMs !== undefined && { expiresInMs }) }));
  expect(response.status).toBe(200);
  return (await response.json<{ secret: string }>()).secret;
};
const as = (token: string, path: string, init: RequestInit = {}) =>
  exports.default.fetch(
    new Request(`http://control${path}`, {
      ...init,
      headers: { ...(init.headers as object), authorization: `Bearer ${token}` },
    }),
  );

const CHANGES = ["apply", "delete", "rollback", "publish", "breakers", "limits/reset"].map((path) => `/v1/${path}`);
const FOR_ADMINS = ["tokens", "tokens/revoke", "identity/workloads", "identity/rotate-keys"].map(
  (path) => `/v1/${path}`,
);

it.each([...CHANGES, ...FOR_ADMINS])(
  "refuses a viewer's POST %s in the same words, whatever it holds",
  async (path) => {
    const viewer = await create("dash", "viewer");
    const answers = await Promise.all([as(viewer, path, post({})), as(viewer, "/v1/apply", applying(service("cart")))]);
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    const [one, other] = await Promise.all(answers.map(async (each) => [[...each.headers], await each.text()]));
    expect(one).toEqual(other);
    expect(await get("/v1/history")).toEqual({ items: [] });
  },
);

it.each(FOR_ADMINS)("refuses an editor's POST %s", async (path) => {
  expect((await refused(await as(await create("ci", "editor"), path, post({})))).said).toBe("403 forbidden");
});

it("lets an editor change the mesh, in the token's name", async () => {
  const editor = await create("ci", "editor");
  await accepted(await as(editor, "/v1/apply", applying(service("cart"), { author: "ada" })));
  const { items } = await get<HistoryResponse>("/v1/history");
  expect(items.map(({ author }) => author)).toEqual(["ci (ada)"]);
});

it("answers an expired, a revoked and a made-up token as it does none", async () => {
  const expiring = await create("short", "admin", 1);
  const revoked = await create("gone", "admin");
  expect((await as(revoked, "/v1/tokens")).status).toBe(200);
  expect((await send("/v1/tokens/revoke", post({ name: "gone" }))).status).toBe(200);
  await scheduler.wait(5);
  const tokens = [expiring, revoked, `selv_${"a".repeat(43)}`, ""];
  const answers = await Promise.all(tokens.map((token) => as(token, "/v1/tokens")));
  const said = await Promise.all(answers.map(async (each) => [each.status, [...each.headers], await each.text()]));
  expect(new Set(said.map((each) => JSON.stringify(each))).size).toBe(1);
  expect(answers[0]?.status).toBe(401);
});

it("refuses a revoked token within two seconds where another isolate revoked it", async () => {
  const token = await create("gone", "viewer");
  expect((await as(token, "/v1/history")).status).toBe(200);
  await env.CONFIG.getByName("config").removeToken("gone");
  await scheduler.wait(1500);
  expect((await as(token, "/v1/history")).status).toBe(401);
});

it("keeps and shows no secret", async () => {
  const secret = await create("ci", "editor");
  expect(JSON.stringify(await get<ApiTokensResponse>("/v1/tokens"))).not.toContain(secret);
  const rows = await runInDurableObject(env.CONFIG.getByName("config"), (_, { storage }) =>
    storage.sql.exec("SELECT * FROM tokens").toArray(),
  );
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(secret.slice("selv_".length));
});

it.each([
  ["a name that is taken", { name: "ci", role: "viewer" }],
  ["the admin's name", { name: "admin", role: "viewer" }],
  ["a role that there is not", { name: "x", role: "owner" }],
  ["no role", { name: "x" }],
  ["a key that there is not", { name: "x", role: "viewer", expires: 1 }],
])("refuses to create a token with %s", async (_, body) => {
  await create("ci", "editor");
  expect((await refused(await send("/v1/tokens", post(body)))).said).toBe("400 invalid-request");
});
