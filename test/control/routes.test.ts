/** Every route of control, for every kind of caller: who may not ask changes nothing, and learns nothing from how the answers differ. */
import { reset } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { includes, type Role, ROLES } from "../../mesh/role.ts";
import { FOR_OPERATORS } from "../../workers/control/routes.ts";
import { apply, get, post, send, service } from "./client.ts";
import { restart } from "./worker.ts";

const MESH = `${service("cart")}
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: cart}
spec:
  targetRefs: [{group: "", kind: Service, name: cart}]
  breaker: {failures: 3}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: {name: cart}
spec:
  targetRefs: [{group: "", kind: Service, name: cart}]
  limits: [{name: all, requests: 10}]
---`;

beforeEach(async () => {
  restart();
  await reset();
  await apply(MESH);
  await send("/v1/identity/workloads", post({ namespace: "default", name: "known" }));
});

const create = async (role: Role): Promise<string> => {
  const response = await send("/v1/tokens", post({ name: `a-${role}`, role }));
  return (await response.json<{ secret: string }>()).secret;
};

/** What each route does that changes something, in an order in which an admin's all succeed. */
const BODIES: Readonly<Record<string, unknown>> = {
  "/v1/apply": { files: [{ name: "mesh.yaml", text: service("planted") }] },
  "/v1/breakers": { circuit: "Service/default/cart:80 by default/cart", to: "open", forMs: 60_000 },
  "/v1/limits/reset": { name: "default/cart/all" },
  "/v1/delete": { refs: [{ kind: "Service", namespace: "default", name: "planted" }] },
  "/v1/rollback": { to: 1 },
  "/v1/publish": undefined,
  "/v1/identity/workloads": { namespace: "default", name: "planted" },
  "/v1/identity/renew": { namespace: "default", name: "known" },
  "/v1/identity/revoke": { namespace: "default", name: "known" },
  "/v1/identity/rotate-keys": { drop: false },
  "/v1/debug": {},
  "/v1/sign-in": undefined,
  "/v1/tokens": { name: "planted", role: "admin" },
  "/v1/tokens/revoke": { name: "planted" },
};

async function ask(method: string, path: string, authorization: string | undefined) {
  const { headers, ...init } = method === "GET" ? {} : post(BODIES[path]);
  const response = await exports.default.fetch(
    new Request(`http://control${path}`, {
      method,
      ...init,
      headers: { ...(headers as object), ...(authorization !== undefined && { authorization }) },
    }),
  );
  return { status: response.status, told: JSON.stringify([...response.headers]) + (await response.text()) };
}

/** Everything that a change would show in. */
async function state(): Promise<string> {
  const edge = { id: "e", name: "edge", colo: "local", epoch: 1, hash: "h", source: "kv" as const };
  return JSON.stringify([
    await get("/v1/history"),
    await get("/v1/resources"),
    await get("/v1/tokens"),
    await get("/v1/identity/workloads"),
    await get("/.well-known/jwks.json"),
    // With what operators hold and have reset.
    await env.FLEET.getByName("fleet").checkIn(edge),
  ]);
}

it("has a request for each route that changes something, which would be heeded", async () => {
  const changing = FOR_OPERATORS.flatMap(([method, path]) => (method === "POST" ? [path] : []));
  expect(Object.keys(BODIES).toSorted()).toEqual(changing.toSorted());
  const token = `Bearer ${await create("admin")}`;
  for (const path of Object.keys(BODIES)) {
    const { status, told } = await ask("POST", path, token);
    expect([path, status, told]).toEqual([path, 200, told]);
  }
});

it.each([
  ["no token", undefined],
  ["an empty token", "Bearer "],
  ["a token that looks like one", `Bearer selv_${"a".repeat(43)}`],
  ["a guess", "Bearer a-token-of-more-than-thirty-two-characterz"],
  ["another scheme", `Basic ${btoa(`admin:${env.CONTROL_TOKEN}`)}`],
])("with %s, every route and what is no route answer the same, and nothing changes", async (_, authorization) => {
  const before = await state();
  const nowhere = await ask("GET", "/v1/nowhere", undefined);
  expect(nowhere.status).toBe(401);
  for (const [method, path] of FOR_OPERATORS)
    expect([method, path, await ask(method, path, authorization)]).toEqual([method, path, nowhere]);
  expect(await state()).toBe(before);
});

it.each(ROLES)("with the token of %s, what takes more gets one answer, and nothing changes", async (role) => {
  const token = `Bearer ${await create(role)}`;
  const before = await state();
  const refused = FOR_OPERATORS.filter(([, , needed]) => !includes(role, needed));
  const answers = new Set<string>();
  for (const [method, path] of refused) {
    const { status, told } = await ask(method, path, token);
    expect([method, path, status]).toEqual([method, path, 403]);
    answers.add(told);
  }
  expect(answers.size).toBe(refused.length > 0 ? 1 : 0);
  expect(await state()).toBe(before);
});
