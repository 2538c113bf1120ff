/** Signs which snapshot is in force: whoever can write to KV can put bytes there, and not a signature. */
import { type CryptoKey, FlattenedSign, importJWK, type JWK } from "jose";
import type { Pointer, SignedPointer } from "../../mesh/api.ts";
import { signedText } from "../../mesh/pointer.ts";
import type { Env } from "./env.ts";
import { Refusal } from "./refusal.ts";

/** Ed25519 is deterministic: the same pointer has the same signature until the key changes. Without SNAPSHOT_KEY, it has none. */
export async function signed(env: Env, { epoch, hash }: Pointer): Promise<SignedPointer> {
  const signer = await signerOf(env);
  if (!signer) return { epoch, hash };
  const { key, kid } = signer;
  const text = new TextEncoder().encode(signedText({ epoch, hash }));
  const jws = await new FlattenedSign(text).setProtectedHeader({ alg: "EdDSA", kid }).sign(key);
  return { epoch, hash, signature: `${jws.protected ?? ""}..${jws.signature}` };
}

/** Before anything is committed that could then not be signed. Throws a Refusal that says what is wrong with the key. */
export async function signerOf({ SNAPSHOT_KEY }: Env): Promise<{ key: CryptoKey; kid: string } | undefined> {
  if (!SNAPSHOT_KEY) return undefined;
  try {
    const jwk = JSON.parse(SNAPSHOT_KEY) as JWK;
    if (jwk.crv !== "Ed25519" || typeof jwk.d !== "string" || typeof jwk.kid !== "string") throw new Error();
    return { key: (await importJWK(jwk, "EdDSA")) as CryptoKey, kid: jwk.kid };
  } catch {
    // Not in the parser's words: they could show a part of the key.
    const detail = "The secret SNAPSHOT_KEY is not a private Ed25519 JWK with a kid: `selvedge keys create` makes one.";
    throw new Refusal("unavailable", { detail });
  }
}
