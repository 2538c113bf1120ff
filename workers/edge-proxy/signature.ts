/** Who says that a snapshot is in force. Its bytes are held to its hash elsewhere; this holds epoch and hash to control. */
import { base64url, createLocalJWKSet, flattenedVerify, type JSONWebKeySet } from "jose";
import type { SignedPointer } from "../../mesh/api.ts";
import { signedText } from "../../mesh/pointer.ts";

/**
 * Throws an Error that says why the pointer is not to be believed. `keys` is a JWK Set as text; where it is empty, anyone is believed.
 * One that cannot be read lets nobody be.
 */
export async function verifyPointer(keys: string, { signature, ...pointer }: SignedPointer): Promise<void> {
  if (!keys) return;
  if (signature === undefined) throw new Error("it is not signed, and this edge has SNAPSHOT_KEYS");
  const [header = "", , value = ""] = signature.split(".");
  const jws = { protected: header, payload: base64url.encode(signedText(pointer)), signature: value };
  const trusted = keySetOf(keys);
  try {
    await flattenedVerify(jws, trusted, { algorithms: ["EdDSA"] });
  } catch {
    throw new Error("none of SNAPSHOT_KEYS has signed its epoch and hash");
  }
}

function keySetOf(keys: string): ReturnType<typeof createLocalJWKSet> {
  try {
    return createLocalJWKSet(JSON.parse(keys) as JSONWebKeySet);
  } catch {
    throw new Error("SNAPSHOT_KEYS of this edge is no JWK Set");
  }
}
