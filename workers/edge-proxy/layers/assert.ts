import { SignJWT } from "jose";
import { ASSERTION_MS, issuerOf, serviceAudience } from "../../../mesh/identity.ts";
import { MESH_HEADERS } from "../../../mesh/headers.ts";
import type { Call, MakeLayer } from "../layer.ts";
import { edgeKey } from "../edge-key.ts";
import { remember } from "../memory.ts";

/** Signing takes a tenth of a millisecond: an assertion serves as many calls as come in the half of its time. */
const KEPT_MS = ASSERTION_MS / 2;

/**
 * Says to the service who calls it, and through whom the call came, in a token that is for this service alone. Without the key that signs it
 * the call goes on unsaid, and a service that insists refuses it.
 */
export const assert: MakeLayer<"assert"> =
  ({ trustDomain, service, sign = false }) =>
  (next) =>
  (call) => {
    call.signed = sign;
    const { assertions } = call.outside.memory;
    const about = `${service} ${call.identity?.spiffe ?? ""} ${call.chain.join(" ")}`;
    const known = assertions.get(about);
    if (known === undefined || call.outside.now() >= known.until)
      return afterSigning(next, call, trustDomain, service, about);
    call.headers.set(MESH_HEADERS.caller, known.token);
    return next(call);
  };

async function afterSigning(
  next: (call: Call) => Promise<Response>,
  call: Call,
  trustDomain: string,
  service: string,
  about: string,
): Promise<Response> {
  const token = await signed(call, trustDomain, serviceAudience(trustDomain, service)).catch(() => undefined);
  const { memory, now } = call.outside;
  if (token === undefined) call.standIn = "identity";
  else {
    remember(memory.assertions, about, { token, until: now() + KEPT_MS });
    call.headers.set(MESH_HEADERS.caller, token);
  }
  return next(call);
}

async function signed({ identity, chain, outside }: Call, trustDomain: string, audience: string): Promise<string> {
  const { jwk, key } = await edgeKey(outside);
  const issuedAt = Math.floor(outside.now() / 1000);
  const token = new SignJWT({ ...(chain.length > 0 && { chain: [...chain] }) })
    .setProtectedHeader({ alg: String(jwk.alg), kid: String(jwk.kid), typ: "JWT" })
    .setIssuer(issuerOf(trustDomain))
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ASSERTION_MS / 1000);
  if (identity) token.setSubject(identity.spiffe);
  return token.sign(key);
}
