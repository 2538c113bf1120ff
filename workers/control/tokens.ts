/** API tokens: named, with a role, revocable. Control keeps their digests alone. */
import { z } from "zod";
import type { ApiTokensResponse, SecretResponse } from "../../mesh/api.ts";
import { hexOf } from "../../mesh/hex.ts";
import { objectName } from "../../mesh/resources/parts.ts";
import { ROLES } from "../../mesh/role.ts";
import type { Tell } from "./audit.ts";
import { type Caller, digest } from "./auth.ts";
import { config, type Env } from "./env.ts";
import { Refusal } from "./refusal.ts";
import { bodyOf, noQuery, queryOf } from "./request.ts";

/** The name of CONTROL_TOKEN's holder, and of control itself: no token may pass for either in the history. */
const TAKEN = new Set(["admin", "control"]);
const YEAR_MS = 365 * 86_400_000;

const creation = z.strictObject({
  name: objectName.refine((name) => !TAKEN.has(name), "is a name that control uses itself"),
  role: z.enum(ROLES),
  expiresInMs: z.int().min(1).max(YEAR_MS).exactOptional(),
});
const revocation = z.strictObject({ name: z.string().min(1).max(253) });

export async function tokens(request: Request, env: Env): Promise<Response> {
  queryOf(request, noQuery);
  const items = (await config(env).tokens()).map(({ name, role, created, expires }) => ({
    name,
    role,
    created,
    ...(expires !== null && { expires }),
  }));
  return Response.json({ items } satisfies ApiTokensResponse);
}

export async function createToken(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const { name, role, expiresInMs } = await bodyOf<z.output<typeof creation>>(request, creation);
  tell({ name, role, expiresInMs });
  const secret = `selv_${base64url(crypto.getRandomValues(new Uint8Array(32)))}`;
  const hash = hexOf(new Uint8Array(await digest(secret)));
  const created = Date.now();
  const expires = expiresInMs === undefined ? null : created + expiresInMs;
  const made = await config(env).addToken({ name, role, hash, created, expires });
  if (made !== "made") {
    const detail =
      made === "taken" ? `There is a token ${name} already.` : "There are 1000 tokens already: revoke some.";
    throw new Refusal("invalid-request", { detail });
  }
  // What this isolate has just changed holds here at once.
  env.memory.tokens = undefined;
  return Response.json({ secret } satisfies SecretResponse);
}

export async function revokeToken(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const { name } = await bodyOf<z.output<typeof revocation>>(request, revocation);
  tell({ name });
  if (!(await config(env).removeToken(name))) throw new Refusal("not-found", { detail: `There is no token ${name}.` });
  env.memory.tokens = undefined;
  return Response.json({ name });
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
