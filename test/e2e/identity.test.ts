/** Workloads on real workerd: who is believed, for how long, and what services are told. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SecretResponse, TokenResponse } from "../../mesh/api.ts";
import { ask } from "../support/http.ts";
import { verified } from "../support/message-signature.ts";
import { missingInPython, PYTHON } from "../support/programs.ts";
import { serves, type TestMesh, testMesh } from "../support/mesh.ts";
import { type Upstream, upstream as startUpstream } from "../support/upstream.ts";

let mesh: TestMesh;
let upstream: Upstream;
let web: string;
let cart: string;

const YAML = (port: number) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: {name: cart, namespace: shop}
spec: {endpoints: [{url: "http://127.0.0.1:${port}"}]}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: {name: stock, namespace: store}
spec: {endpoints: [{url: "http://127.0.0.1:${port}"}]}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthenticationPolicy
metadata: {name: assertions, namespace: selvedge-system}
spec: {targetRefs: [{group: mesh.selvedge.dev, kind: Mesh, name: mesh}], assertCaller: true}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthenticationPolicy
metadata: {name: signatures, namespace: shop}
spec: {targetRefs: [{group: mesh.selvedge.dev, kind: Backend, name: cart}], assertCaller: true, signRequests: true}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: web-only, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Namespace, name: shop}]
  rules: [{from: [{source: {principals: ["*/ns/front/sa/web"]}}]}]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: by-way-of-web, namespace: store}
spec:
  targetRefs: [{group: mesh.selvedge.dev, kind: Backend, name: stock}]
  rules: [{from: [{source: {namespaces: [shop], callChain: ["*/ns/front/sa/web"]}}]}]
`;

const add = async (namespace: string, name: string): Promise<string> =>
  ((await mesh.control.call("POST", "/v1/identity/workloads", { namespace, name })).json as SecretResponse).secret;
const tokenFor = async (secret: string) => {
  const headers = { authorization: `Bearer ${secret}` };
  return ask({ port: mesh.control.port, path: "/v1/identity/token", method: "POST", headers });
};
const token = async (secret: string): Promise<string> =>
  (JSON.parse((await tokenFor(secret)).body) as TokenResponse).token;
const call = (service: string, headers: Record<string, string> = {}) =>
  ask({ port: mesh.edge, path: "/", headers: { host: `${service}.mesh.localhost`, ...headers } });
const told = (): string => String(upstream.received.at(-1)?.headers["selvedge-caller"]);
const keys = async () =>
  createLocalJWKSet(
    JSON.parse((await ask({ port: mesh.control.port, path: "/.well-known/jwks.json" })).body) as JSONWebKeySet,
  );
const CART = "spiffe://mesh.localhost/ns/shop/svc/cart";
const WEB = "spiffe://mesh.localhost/ns/front/sa/web";

beforeAll(async () => {
  [mesh, upstream] = await Promise.all([testMesh(), startUpstream("cart")]);
  await mesh.control.applied(YAML(upstream.port));
  [web, cart] = [await add("front", "web"), await add("shop", "cart")];
  const { epoch } = await mesh.control.edges();
  await serves(mesh.edge, epoch);
});
afterAll(async () => {
  await mesh?.close();
  await upstream?.close();
});

it("believes a workload by its token, and nobody by any other", async () => {
  const good = await token(web);
  expect((await call("cart.shop", { "selvedge-token": good })).status).toBe(200);
  expect((await call("cart.shop")).status).toBe(403);
  expect((await call("cart.shop", { "selvedge-token": await token(cart) })).status).toBe(403);
  for (const bad of [web, "a.b.c", `${good}x`, good.replace(/\.[^.]*$/, ".AAAA")])
    expect((await call("cart.shop", { "selvedge-token": bad })).status).toBe(401);
  expect((await call("cart.shop", { "selvedge-caller": good, "x-mesh-identity": WEB })).status).toBe(403);
});

it("issues no token for a secret that is wrong, and says no more than that", async () => {
  const wrong = ["", "x", `${web.slice(0, -1)}x`, web.replace("front.web", "shop.cart"), "front.none.00"];
  const answers = await Promise.all(wrong.map(tokenFor));
  expect(answers.map(({ status }) => status)).toEqual(wrong.map(() => 401));
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
});

it("tells a service who calls it, in a token that is no use to anyone else", async () => {
  await call("cart.shop", { "selvedge-token": await token(web) });
  const asserted = told();
  const { payload } = await jwtVerify(asserted, await keys(), { issuer: "spiffe://mesh.localhost", audience: CART });
  expect(payload.sub).toBe(WEB);
  const elsewhere = { issuer: "spiffe://mesh.localhost", audience: "spiffe://mesh.localhost/ns/store/svc/stock" };
  await expect(jwtVerify(asserted, await keys(), elsewhere)).rejects.toThrow("aud");
  // The service that has it cannot call the mesh with it; nor can it show a service the token by which the mesh was called.
  expect((await call("cart.shop", { "selvedge-token": asserted })).status).toBe(401);
  await expect(jwtVerify(await token(web), await keys(), { audience: CART })).rejects.toThrow("aud");
  expect(upstream.received.at(-1)?.headers["selvedge-token"]).toBeUndefined();
});

describe("the docs' example", () => {
  const docs = readFileSync(new URL("../../docs/identity.md", import.meta.url), "utf8");
  /** The one block of a language, about this mesh. */
  const example = (language: string): string =>
    docs
      .split(`\`\`\`${language}\n`)[1]!
      .split("```")[0]!
      .replaceAll("https://control.example", `http://127.0.0.1:${mesh.control.port}`)
      .replaceAll("spiffe://mesh.internal", "spiffe://mesh.localhost");
  /** What the program prints: whom the token in its environment names, or why it does not. */
  const said = (program: string, args: readonly string[], bearer: string): Promise<string> =>
    new Promise((resolve) => {
      const running = execFile(program, args, { env: { ...process.env, TOKEN: bearer } }, (_, out) =>
        resolve(out.trim()),
      );
      running.on("error", () => resolve(`cannot run ${program}`));
    });
  const nodejs = (bearer: string) => {
    const [first, ...rest] = example("js").split("\n");
    const code = `${first}
      const request = { headers: { "selvedge-caller": process.env.TOKEN } };
      try { ${rest.join("\n")}; console.log(payload.sub); } catch (error) { console.log(error.name); }`;
    return said(process.execPath, ["--input-type=module", "-e", code], bearer);
  };
  const python = (bearer: string) => {
    const code = `import os, jwt
class request: headers = {"selvedge-caller": os.environ["TOKEN"]}
try:
${example("python").replace(/^/gm, "  ")}
  print(claims["sub"])
except jwt.PyJWTError as error: print(type(error).__name__)`;
    return said(PYTHON, ["-c", code], bearer);
  };
  const tokens = async () => {
    await call("cart.shop", { "selvedge-token": await token(web) });
    return [told(), await token(web)] as const;
  };

  it("for Node takes what the service got, and no token that is for another", async () => {
    const [asserted, other] = await tokens();
    expect([await nodejs(asserted), await nodejs(other)]).toEqual([WEB, "JWTClaimValidationFailed"]);
  });

  const why = missingInPython("jwt", "cryptography");
  it.skipIf(why !== undefined)(
    `for Python takes what the service got, and no token that is for another ${why ?? ""}`,
    async () => {
      const [asserted, other] = await tokens();
      expect([await python(asserted), await python(other)]).toEqual([WEB, "InvalidAudienceError"]);
    },
  );
});

describe("a request's signature", () => {
  const received = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const all = { host: "cart.shop.mesh.localhost", "selvedge-token": await token(web), ...headers };
    await ask({ port: mesh.edge, path, method, headers: all, ...(body !== undefined && { body }) });
    return upstream.received.at(-1)!; // it was sent just now
  };
  const jwks = async () => {
    const { body } = await ask({ port: mesh.control.port, path: "/.well-known/jwks.json" });
    return (JSON.parse(body) as JSONWebKeySet).keys;
  };

  it.each<[string, string, Record<string, string>, string | undefined]>([
    ["GET", "/", {}, undefined],
    ["GET", "/a/b%20c?x=1&y=%2F", {}, undefined],
    ["POST", "/orders", { "content-type": "text/plain", "content-digest": "sha-256=:AAAA:" }, "hello"],
    ["GET", "/signed", { "signature-input": 'mine=("@method");created=1', signature: "mine=:AAAA:" }, undefined],
    [
      "GET",
      "/forged",
      { "signature-input": 'selvedge=("@method");created=1', signature: "selvedge=:AAAA:" },
      undefined,
    ],
  ])("%s %s holds at the service, for this request alone", async (method, path, headers, body) => {
    const got = await received(method, path, headers, body);
    const keys = await jwks();
    expect((await verified(got, "selvedge", keys))?.get("tag")).toBe("selvedge");
    const otherwise = [
      { ...got, method: "DELETE" },
      { ...got, url: `${got.url}x` },
      { ...got, headers: { ...got.headers, "selvedge-caller": await token(web) } },
      { ...got, headers: { ...got.headers, "content-digest": "sha-256=:BBBB:", "content-type": "x/y" } },
    ];
    const covered = body === undefined ? otherwise.slice(0, 3) : otherwise;
    expect(await Promise.all(covered.map((one) => verified(one, "selvedge", keys)))).toEqual(
      covered.map(() => undefined),
    );
  });

  it("is not made where no policy wants one", async () => {
    await call("stock.store", { "selvedge-token": await token(cart), "selvedge-caller": told() });
    expect(upstream.received.at(-1)?.headers["signature"]).toBeUndefined();
  });
});

it("carries the chain of callers, and believes it from the service alone that was called", async () => {
  await call("cart.shop", { "selvedge-token": await token(web) });
  const asserted = told();
  const onward = await token(cart);
  expect((await call("stock.store", { "selvedge-token": onward, "selvedge-caller": asserted })).status).toBe(200);
  const { payload } = await jwtVerify(told(), await keys());
  expect([payload.chain, payload.sub]).toEqual([[WEB], "spiffe://mesh.localhost/ns/shop/sa/cart"]);
  expect((await call("stock.store", { "selvedge-token": onward })).status).toBe(403);
  expect((await call("stock.store", { "selvedge-token": await token(web), "selvedge-caller": asserted })).status).toBe(
    401,
  );
});

it("loses no request while keys are rotated under load", async () => {
  const statuses: number[] = [];
  let rotated = 0;
  let running = true;
  const caller = async (): Promise<void> => {
    while (running) {
      const answer = await call("cart.shop", { "selvedge-token": await token(web) });
      statuses.push(answer.status);
    }
  };
  const callers = Array.from({ length: 4 }, caller);
  while (rotated < 3) {
    const { status } = await mesh.control.call("POST", "/v1/identity/rotate-keys", {});
    // 503 says that an edge does not have the next key yet.
    expect([200, 503]).toContain(status);
    if (status === 200) rotated++;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  running = false;
  await Promise.all(callers);
  expect(statuses.length).toBeGreaterThan(20);
  expect(new Set(statuses)).toEqual(new Set([200]));
});

it("refuses a revoked workload within two seconds, and lets it back as a new one", async () => {
  const good = await token(web);
  expect((await call("cart.shop", { "selvedge-token": good })).status).toBe(200);
  const began = Date.now();
  expect((await mesh.control.call("POST", "/v1/identity/revoke", { namespace: "front", name: "web" })).status).toBe(
    200,
  );
  while ((await call("cart.shop", { "selvedge-token": good })).status !== 401)
    if (Date.now() - began > 2000) throw new Error("still believed after two seconds");
  expect((await tokenFor(web)).status).toBe(401);
  // A rollback brings resources back, and no workload.
  const { epoch } = await mesh.control.edges();
  expect((await mesh.control.call("POST", "/v1/rollback", { to: 1 })).status).toBe(200);
  expect((await mesh.control.edges()).epoch).toBeGreaterThanOrEqual(epoch);
  expect((await call("cart.shop", { "selvedge-token": good })).status).toBe(401);
  web = await add("front", "web");
  const renewed = await token(web);
  for (const until = Date.now() + 5000; Date.now() < until;)
    if ((await call("cart.shop", { "selvedge-token": renewed })).status === 200) break;
  expect((await call("cart.shop", { "selvedge-token": renewed })).status).toBe(200);
  expect((await call("cart.shop", { "selvedge-token": good })).status).toBe(401);
});
