/**
 * A code by which a browser gets the session of whoever asked for it: `POST /v1/sign-in`. Good once, for a minute, so that it may stand
 * where a token may not: on a screen, in a command line, in a browser's history. What is kept is sealed by the code itself, which
 * control keeps no copy of.
 */
import type { SignInResponse } from "../../mesh/api.ts";
import { hexOf } from "../../mesh/hex.ts";
import { digest } from "./auth.ts";
import { config, type Env } from "./env.ts";
import { shutOut, type Source, wrongSecret } from "./guesses.ts";
import { answer, Refusal } from "./refusal.ts";
import { authorizationOf } from "./session.ts";

const GOOD_MS = 60_000;
/** Each key seals one token. */
const NO_IV = new Uint8Array(12);

export async function makeSignIn(request: Request, env: Env): Promise<Response> {
  const code = hexOf(crypto.getRandomValues(new Uint8Array(32)));
  const token = new TextEncoder().encode(bearerOf(authorizationOf(request)));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: NO_IV }, await keyOf(code, "encrypt"), token);
  const now = Date.now();
  if (!(await config(env).keepSignIn({ hash: await hashOf(code), sealed, until: now + GOOD_MS }, now))) {
    throw new Refusal("invalid-request", { detail: "Too many sign-ins wait to be used: try again in a minute." });
  }
  return Response.json({ code, expiresInMs: GOOD_MS } satisfies SignInResponse);
}

/** The token behind a code, which is used up by this; or the refusal of one that is unknown, used or too old. */
export async function tokenBehind(code: string, env: Env, source: Source): Promise<string | Response> {
  const refused = shutOut(env, source);
  if (refused) return refused;
  const hash = await hashOf(code);
  const sealed = await config(env).takeSignIn(hash, Date.now());
  if (!sealed) {
    const detail = "This code was used already, or is too old.";
    return wrongSecret(env, source, hash) ?? answer("unauthorized", { detail });
  }
  const token = await crypto.subtle.decrypt({ name: "AES-GCM", iv: NO_IV }, await keyOf(code, "decrypt"), sealed);
  return new TextDecoder().decode(token);
}

/** The caller was let in by it. */
const bearerOf = (authorization: string | null): string => (authorization ?? "").replace(/^bearer +/i, "").trim();

const hashOf = async (code: string): Promise<string> => hexOf(new Uint8Array(await digest(`name ${code}`)));

const keyOf = async (code: string, use: "encrypt" | "decrypt"): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", await digest(`seal ${code}`), "AES-GCM", false, [use]);
