/** Who calls control. Only the tokens' digests are kept between requests, for a second. */
import type { StoredToken } from "../../durable-objects/config.ts";
import { hexOf } from "../../mesh/hex.ts";
import type { Role } from "../../mesh/role.ts";
import { config, type Env } from "./env.ts";
import { shutOut, type Source, wrongSecret } from "./guesses.ts";
import { answer } from "./refusal.ts";

/** Shorter secrets could be guessed; with one, control would rather answer no one. */
const MIN_TOKEN_LENGTH = 16;
/** 256 bits in base64url. */
const TOKEN = /^selv_[\w-]{43}$/;
/** How long an isolate goes by the list that it has: a revoked token is refused everywhere after this, in milliseconds. */
const LIST_MS = 1000;

export type Caller = { readonly name: string; readonly role: Role };

/**
 * The caller; or the refusal, the same whether a token is missing, wrong, expired or revoked, until there were too many wrong ones of
 * the source.
 */
export async function callerOf(authorization: string | null, env: Env, source: Source): Promise<Caller | Response> {
  const secret = env.CONTROL_TOKEN;
  if (secret === undefined || secret.length < MIN_TOKEN_LENGTH) {
    const detail =
      `The secret CONTROL_TOKEN is not set, or has fewer than ${MIN_TOKEN_LENGTH} characters. ` +
      "Set it with `wrangler secret put CONTROL_TOKEN -e control`.";
    return answer("unavailable", { detail });
  }
  const token = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  // Digests are of one length and tell nothing of the secret, so comparing takes the same time however much is right.
  const [given, wanted] = await Promise.all([digest(token), digest(secret)]);
  // Not sooner: nothing waits between this and the comparison, so that many guesses at once are looked at no further than one by one.
  const refused = token === "" ? undefined : shutOut(env, source);
  if (refused) return refused;
  if (crypto.subtle.timingSafeEqual(given, wanted)) return { name: "admin", role: "admin" };
  const hash = hexOf(new Uint8Array(given));
  if (TOKEN.test(token)) {
    const found = (await tokensOf(env)).find((one) => one.hash === hash);
    if (found && (found.expires === null || found.expires > Date.now())) return { name: found.name, role: found.role };
  }
  const tooMany = token === "" ? undefined : wrongSecret(env, source, hash);
  if (tooMany) return tooMany;
  const detail =
    "Send the header `Authorization: Bearer <token>` with an API token, or the value of the secret CONTROL_TOKEN.";
  return answer("unauthorized", { detail }, { headers: { "www-authenticate": "Bearer" } });
}

/** The whole list, so that guesses cost the object nothing: one call a second and isolate, however many ask. */
async function tokensOf(env: Env): Promise<readonly StoredToken[]> {
  const now = Date.now();
  const { tokens: known } = env.memory;
  if (known && now - known.at < LIST_MS && now >= known.at) return known.list;
  const list = await config(env).tokens();
  // As of when it was asked for: an answer that took long is not young.
  env.memory.tokens = { at: now, list };
  return list;
}

export const digest = (text: string): Promise<ArrayBuffer> =>
  crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
