import { MESH_HEADERS } from "../../mesh/headers.ts";
import { SIGNATURE_LABEL, signatureBase } from "../../mesh/message-signature.ts";
import { edgeKey } from "./edge-key.ts";
import type { Call } from "./layer.ts";

/** Covered where they are there. Of the body, what the caller says of it: it streams, and is nowhere whole. */
const COVERED = [MESH_HEADERS.caller, "content-digest", "content-type"] as const;

/**
 * Signs a try as it goes to the endpoint, `target` being path and query. Signatures of the caller's own stay beside it. Without the key
 * the try goes on unsigned, and a service that insists refuses it.
 */
export async function signRequest(call: Call, target: string): Promise<void> {
  const { headers, request, outside } = call;
  // A try before this one may have left its own.
  for (const name of ["signature-input", "signature"]) restore(headers, name, request.headers.get(name));
  try {
    const { jwk, key } = await edgeKey(outside);
    const fields = COVERED.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    const created = Math.floor(outside.now() / 1000);
    // As fetch spells them: a rewrite may have put there what a URL cannot have as it is.
    const { pathname: path, search } = new URL(`http://service${target}`);
    const signed = { method: request.method, path, search, fields };
    const { input, base } = signatureBase(signed, String(jwk.kid), created);
    const bytes = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, new TextEncoder().encode(base));
    headers.append("signature-input", `${SIGNATURE_LABEL}=${input}`);
    headers.append("signature", `${SIGNATURE_LABEL}=:${btoa(String.fromCharCode(...new Uint8Array(bytes)))}:`);
  } catch {
    call.standIn = "identity";
  }
}

function restore(headers: Headers, name: string, value: string | null): void {
  if (value === null) headers.delete(name);
  else headers.set(name, value);
}
