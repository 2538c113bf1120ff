/** Secrets in every place where an operator or a workload can put one: what keeps, answers or logs anything never shows them. */
import { reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import type { SecretResponse, SignInResponse, TokenResponse } from "../../mesh/api.ts";
import { hexOf } from "../../mesh/hex.ts";
import { digest } from "../../workers/control/auth.ts";
import { FOR_OPERATORS } from "../../workers/control/routes.ts";
import { apply, applying, get, post, send, service } from "./client.ts";
import { restart } from "./worker.ts";

beforeEach(async () => {
  restart();
  await reset();
});

const PLANTED = "planted-4c1f0e97";
const asked = (path: string, init: RequestInit) => exports.default.fetch(new Request(`http://control${path}`, init));
const bearing = (token: string, method = "GET") => ({ method, headers: { authorization: `Bearer ${token}` } });

/** Files that hold what none may hold, and what is said of it: not what it holds. */
const UNWANTED: readonly (readonly [what: string, yaml: string, status: number, said: string])[] = [
  ["a Secret's data", secretOf("data"), 200, "Secret is passed over"],
  ["a Secret's stringData", secretOf("stringData"), 200, "Secret is passed over"],
  [
    "a private key among JWKS",
    jwt(`jwks: {keys: [{kty: OKP, crv: Ed25519, kid: a, x: AAAA, d: ${PLANTED}}]}`),
    422,
    "keys[0] is a private key",
  ],
  ["a shared secret among JWKS", jwt(`jwks: {keys: [{kty: oct, kid: a, k: ${PLANTED}}]}`), 422, "a public key of kty"],
  ["a password in JWKS' URL", jwt(`jwksUri: "https://u:${PLANTED}@issuer.example/"`), 422, "without user, password"],
  ["a password in a Backend's URL", backend(`https://u:${PLANTED}@cart.example`), 422, "must not carry credentials"],
];

function secretOf(field: string): string {
  return `{apiVersion: v1, kind: Secret, metadata: {name: s}, ${field}: {password: ${PLANTED}}}`;
}
function jwt(keys: string): string {
  return `{apiVersion: mesh.selvedge.dev/v1alpha1, kind: AuthenticationPolicy, metadata: {name: a}, spec: {
    targetRefs: [{group: "", kind: Service, name: cart}],
    jwtRules: [{issuer: "https://issuer.example", audiences: [a], ${keys}}]}}`;
}
function backend(url: string): string {
  return `{apiVersion: mesh.selvedge.dev/v1alpha1, kind: Backend, metadata: {name: b}, spec: {endpoints: [{url: "${url}"}]}}`;
}

it.each(UNWANTED)("does not keep %s, and does not repeat it", async (_, yaml, status, said) => {
  const logged = logs();
  const response = await send("/v1/apply", applying(`${service("cart")}\n${yaml}`));
  const told = JSON.stringify([...response.headers]) + (await response.text());
  expect([response.status, told]).toEqual([status, expect.stringContaining(said)]);
  expect(told).not.toContain(PLANTED);
  expect(logged()).not.toContain(PLANTED);
  expect(await stored()).not.toContain(PLANTED);
});

it("shows no credential anywhere but in the answer that made it", async () => {
  const logged = logs();
  await apply(service("cart"));
  const { secret: api } = await made<SecretResponse>("/v1/tokens", { name: "ci", role: "admin" });
  const { secret: bootstrap } = await made<SecretResponse>("/v1/identity/workloads", { namespace: "a", name: "b" });
  const { secret: renewed } = await made<SecretResponse>("/v1/identity/renew", { namespace: "a", name: "b" });
  const { code } = await (await asked("/v1/sign-in", bearing(api, "POST"))).json<SignInResponse>();
  const { token } = await (await asked("/v1/identity/token", bearing(renewed, "POST"))).json<TokenResponse>();
  const wrong = `selv_${"w".repeat(43)}`;
  const secrets = [env.CONTROL_TOKEN, api, bootstrap, renewed, code, token, wrong, PLANTED];
  expect(secrets.filter((secret) => typeof secret !== "string" || secret.length < 16)).toEqual([]);

  // Refused, and used where they do not belong.
  const answers = [
    await asked("/v1/tokens", bearing(wrong)),
    await asked("/v1/identity/token", bearing(PLANTED, "POST")),
    await asked("/v1/identity/token", bearing(api, "POST")),
    await asked("/v1/history", bearing(bootstrap)),
    await asked(`/v1/nowhere/${api}`, bearing(api)),
    await send("/v1/tokens", post({ name: "ci", role: "admin", secret: api })),
    await send("/v1/rollback", post({ to: api })),
    await send("/v1/apply", { ...post({}), body: `{"files": ${api}` }),
  ];
  expect(answers.map(({ status }) => status >= 400)).toEqual(answers.map(() => true));
  // And all that can be read.
  for (const [method, path] of FOR_OPERATORS) if (method === "GET") answers.push(await send(path));
  const shown = await Promise.all(
    answers.map(async (response) => JSON.stringify([...response.headers]) + (await response.text())),
  );

  const kept = await stored();
  // It would be seen: what is kept of a token is its digest.
  expect(kept).toContain(hexOf(new Uint8Array(await digest(api))));
  for (const secret of secrets) {
    expect(shown.filter((text) => text.includes(secret))).toEqual([]);
    expect(logged()).not.toContain(secret);
    expect(kept).not.toContain(secret);
  }
});

async function made<T>(path: string, body: unknown): Promise<T> {
  const response = await send(path, post(body));
  expect(response.status).toBe(200);
  return response.json<T>();
}

/** What is written to the log from here on. */
function logs(): () => string {
  const methods = (["debug", "log", "info", "warn", "error"] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation(() => {}),
  );
  return () => JSON.stringify(methods.flatMap(({ mock }) => mock.calls.flat().map(String)));
}

/** All that KV and the objects hold, as text. */
async function stored(): Promise<string> {
  const texts: string[] = [JSON.stringify(await get("/v1/resources"))];
  for (const { name } of (await env.SNAPSHOTS.list()).keys) texts.push(name, (await env.SNAPSHOTS.get(name)) ?? "");
  const objects = [env.CONFIG.getByName("config"), env.IDENTITY.getByName("identity"), env.FLEET.getByName("fleet")];
  for (const stub of objects) {
    const rows = await runInDurableObject(stub as DurableObjectStub, (_instance, { storage }) => {
      const tables = storage.sql
        .exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '_cf_*'")
        .toArray();
      return tables.map(({ name }) => storage.sql.exec(`SELECT * FROM "${name}"`).toArray());
    });
    const text = (_key: string, value: unknown) =>
      value instanceof ArrayBuffer ? new TextDecoder().decode(value) : value;
    texts.push(JSON.stringify(rows, text));
  }
  return texts.join("\n");
}
