/** The signature of a JSON Web Token, and what it says of itself. Good ones are remembered: a token comes with many requests. */
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from "jose";
import { ALGORITHMS, hasSoundTimes, isCompactJws, type KeySet } from "../../mesh/policies/authenticate.ts";
import type { Claims } from "../../mesh/policies/authorize-clause.ts";
import { type Memory, remember } from "./memory.ts";

export type Expected = {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly skewMs: number;
};

/** `unknown-key`: its header names a key that is not among those given, which may be the issuer's newest. */
export type Verified = { readonly claims: Claims } | { readonly refused: "invalid" | "unknown-key" };

/**
 * Never an algorithm that the key is not for, `none`, or one of shared secrets; `crit` names nothing that is understood here.
 * `exp` is required: a bearer token that never expires could be used for ever by whoever finds it.
 */
export async function verify(token: string, jwks: KeySet, expected: Expected, now: number): Promise<Verified> {
  if (!isCompactJws(token)) return { refused: "invalid" };
  try {
    // Made anew each time: it would keep promises of imported keys, which requests must not share.
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks as Parameters<typeof createLocalJWKSet>[0]), {
      issuer: expected.issuer,
      audience: [...expected.audiences],
      algorithms: [...ALGORITHMS],
      clockTolerance: expected.skewMs / 1000,
      currentDate: new Date(now),
      requiredClaims: ["exp"],
    });
    return hasSoundTimes(payload) ? { claims: payload } : { refused: "invalid" };
  } catch (error) {
    return { refused: error instanceof errors.JWKSNoMatchingKey ? "unknown-key" : "invalid" };
  }
}

/** What the token claims to be issued by, which nothing has proven yet. */
export function claimedIssuer(token: string): unknown {
  try {
    return isCompactJws(token) ? decodeJwt(token).iss : undefined;
  } catch {
    return undefined;
  }
}

const MOST_TOKENS = 2000;
const LONGEST_KEPT = 4096;
/** Keys that were withdrawn count no longer than this. */
const LONGEST_KEPT_MS = 5 * 60_000;

/** `by` names the provider and the configuration that the token was checked by. */
export function recall({ tokens }: Memory, by: string, token: string, now: number): Claims | undefined {
  const known = tokens.get(by + token);
  return known && now < known.until ? known.claims : undefined;
}

/** The text itself is the key: hashing it would make every request wait. */
export function keep({ tokens }: Memory, by: string, token: string, claims: Claims, now: number): void {
  if (token.length > LONGEST_KEPT) return;
  const until = Math.min((claims.exp as number) * 1000, now + LONGEST_KEPT_MS);
  if (until > now) remember(tokens, by + token, { claims, until }, MOST_TOKENS);
}
