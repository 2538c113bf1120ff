import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import type { AuditEntry, AuditResponse, ChangesResponse } from "../../mesh/api.ts";
import { FOR_OPERATORS } from "../../workers/control/routes.ts";
import { apply, applying, get, post, remove, send, sendWith, service } from "./client.ts";
import { restart } from "./worker.ts";

beforeEach(async () => {
  restart();
  await reset();
});

const entries = async (query = ""): Promise<readonly AuditEntry[]> =>
  (await get<AuditResponse>(`/v1/audit?limit=1000${query}`)).items;
const told = async (query = "") =>
  (await entries(query)).map(({ who, action, outcome, epoch }) => [who, action, outcome, epoch]);
const tokenOf = async (name: string, role: string): Promise<Record<string, string>> => {
  const response = await send("/v1/tokens", post({ name, role }));
  return { authorization: `Bearer ${(await response.json<{ secret: string }>()).secret}` };
};

it("every route that changes something leaves an entry, whatever becomes of it", async () => {
  const changing = FOR_OPERATORS.flatMap(([method, path]) => (method === "POST" ? [path] : []));
  for (const path of changing) {
    const before = (await entries()).length;
    await send(path, post({ nothing: "that is asked for" }));
    const [entry, ...others] = (await entries()).slice(0, (await entries()).length - before);
    expect([path, entry?.action, others.length]).toEqual([path, path.slice("/v1/".length), 0]);
    expect(["done", "refused"]).toContain(entry?.outcome);
  }
});

it("a commit and its entry are one transaction", async () => {
  await apply(service("cart"), { author: "ada", message: "first" });
  await remove({ refs: [{ kind: "Service", namespace: "default", name: "cart" }] });
  await send("/v1/rollback", post({ to: 1 }));
  expect(await told()).toEqual([
    ["admin", "rollback", "done", 3],
    ["admin", "delete", "done", 2],
    ["admin (ada)", "apply", "done", 1],
  ]);
  expect((await entries()).at(-1)).toMatchObject({
    role: "admin",
    status: 200,
    detail: { message: "first", created: 1, configured: 0, deleted: 0 },
  });
});

it("what changes nothing has no entry: a rehearsal, and the same once more", async () => {
  await apply(service("cart"));
  await apply(service("pay"), { dryRun: true });
  await send("/v1/apply", applying("nonsense: [", { dryRun: true }));
  await apply(service("cart"));
  expect(await told()).toEqual([["admin", "apply", "done", 1]]);
});

it("what is refused is told with what was asked for", async () => {
  await send("/v1/apply", applying("kind: Nonsense", { message: "in haste" }));
  await send("/v1/limits/reset", post({ name: "none/such" }));
  expect(await entries()).toMatchObject([
    { action: "limits/reset", outcome: "refused", status: 404, detail: { name: "none/such" } },
    { action: "apply", outcome: "refused", status: 422, detail: { files: ["mesh.yaml"], message: "in haste" } },
  ]);
});

it("no secret is in it", async () => {
  const made = await (await send("/v1/tokens", post({ name: "ci", role: "editor" }))).json<{ secret: string }>();
  const workload = { namespace: "shop", name: "web" };
  const { secret } = await (await send("/v1/identity/workloads", post(workload))).json<{ secret: string }>();
  const { code } = await (await send("/v1/sign-in", { method: "POST" })).json<{ code: string }>();
  const { token } = await (await send("/v1/debug", post({}))).json<{ token: string }>();
  const text = JSON.stringify(await entries());
  for (const one of [made.secret, secret, code, token, env.CONTROL_TOKEN]) expect(text).not.toContain(one);
  expect(text).toContain('"name":"ci"');
});

it("where the log cannot be written, nothing is changed", async () => {
  const object = env.CONFIG.getByName("config");
  const broken = {
    getByName: () =>
      new Proxy(object, {
        get: (target, name) =>
          name === "beginAttempt"
            ? () => Promise.reject(new Error("disk full"))
            : (Reflect.get(target, name) as unknown),
      }),
  };
  const request = post({ name: "planted", role: "admin" });
  const { status } = await sendWith({ CONFIG: broken as unknown as typeof env.CONFIG }, "/v1/tokens", request);
  expect(status).toBe(500);
  expect(await get("/v1/tokens")).toEqual({ items: [] });
});

it("who is not let in is counted, together and a little later", async () => {
  const viewer = await tokenOf("eve", "viewer");
  for (let n = 0; n < 20; n++) await send("/v1/apply", { ...applying(service("cart")), headers: viewer });
  for (let n = 0; n < 30; n++) await send(`/v1/anything-${n}`, { headers: { authorization: "Bearer wrong" } });
  await send("/v1/identity/token", { method: "POST", headers: { authorization: "Bearer a.b.c" } });
  const denied = async () =>
    (await entries())
      .filter(({ outcome }) => outcome === "denied")
      .map((one) => `${one.who} ${one.action} ${one.count}`);
  await vi.waitFor(async () => expect((await denied()).length).toBe(3), { timeout: 15_000 });
  expect(new Set(await denied())).toEqual(new Set(["  30", " identity/token 1", "eve apply 20"]));
});

it("is read by page, caller, kind and time", async () => {
  for (const name of ["a", "b", "c"]) await apply(service(name), { author: name });
  const editor = await tokenOf("ed", "editor");
  await send("/v1/apply", { ...applying(service("d")), headers: { "content-type": "application/json", ...editor } });
  expect(await told("&who=ed")).toEqual([["ed", "apply", "done", 4]]);
  expect(await told("&action=tokens")).toEqual([["admin", "tokens", "done", null]]);
  expect((await told("&who=admin")).length).toBe(4);
  const { items } = await get<AuditResponse>("/v1/audit?limit=2");
  const next = await get<AuditResponse>(`/v1/audit?limit=2&before=${items[1]!.id}`);
  expect([...items, ...next.items].map(({ epoch }) => epoch)).toEqual([4, null, 3, 2]);
  expect(await told(`&since=${Date.now() + 60_000}`)).toEqual([]);
  expect((await send("/v1/audit", { headers: editor })).status).toBe(403);
});

it("an epoch's changes have each resource before and after", async () => {
  await apply(service("cart") + service("gone"));
  await apply(service("cart", 81) + service("new"));
  await remove({ refs: [{ kind: "Service", namespace: "default", name: "gone" }] });
  const shown = async (epoch: number) =>
    (await get<ChangesResponse>(`/v1/changes?epoch=${epoch}`)).items.map(({ before, after }) =>
      [before, after].map(
        (one) => one && `${one.metadata.name}:${(one.spec as { ports: [{ port: number }] }).ports[0].port}`,
      ),
    );
  expect(await shown(2)).toEqual([
    ["cart:80", "cart:81"],
    [null, "new:80"],
  ]);
  expect(await shown(3)).toEqual([["gone:80", null]]);
  expect((await send("/v1/changes?epoch=9")).status).toBe(404);
});
