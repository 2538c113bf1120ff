import { answer } from "./refusal.ts";

/** Shorter secrets could be guessed; with one, control would rather answer no one. */
const MIN_TOKEN_LENGTH = 16;

/** Undefined for the holder of the token; the refusal for anyone else, the same whether a token is missing or wrong. */
export async function refusalFor(
  authorization: string | null,
  secret: string | undefined,
): Promise<Response | undefined> {
  if (secret === undefined || secret.length < MIN_TOKEN_LENGTH) {
    const detail =
      `The secret CONTROL_TOKEN is not set, or has fewer than ${MIN_TOKEN_LENGTH} characters. ` +
      "Set it with `wrangler secret put CONTROL_TOKEN -e control`.";
    return answer("unavailable", { detail });
  }
  const token = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  // Digests are of one length and tell nothing of the secret, so comparing takes the same time however much is right.
  const [given, wanted] = await Promise.all([digest(token), digest(secret)]);
  if (crypto.subtle.timingSafeEqual(given, wanted)) return undefined;
  const detail = "Send the header `Authorization: Bearer <token>` with the value of the secret CONTROL_TOKEN.";
  return answer("unauthorized", { detail }, { headers: { "www-authenticate": "Bearer" } });
}

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
