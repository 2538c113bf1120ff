/** Keys by which control signs snapshots and edges verify them: Ed25519, as JSON Web Keys. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from "jose";

/** Private: the value of control's secret SNAPSHOT_KEY. */
export async function newSnapshotKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: "EdDSA" };
}

/** The public parts alone: the edges' SNAPSHOT_KEYS. Takes private and public keys. */
export const publicKeys = (keys: readonly JWK[]): JSONWebKeySet => ({
  keys: keys.map(({ kty, crv, x, kid, alg }) => ({ kty, crv, x, kid, alg, use: "sig" }) as JWK),
});

/** Throws an Error that says what is wrong, and shows nothing of it. */
export function snapshotKeyFrom(text: string): JWK {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("is not JSON");
  }
  const { kty, crv, x, kid } = (value ?? {}) as JWK;
  if (kty !== "OKP" || crv !== "Ed25519" || typeof x !== "string" || typeof kid !== "string")
    throw new Error("is no Ed25519 JWK with a kid");
  return value as JWK;
}
