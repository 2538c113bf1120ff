/** The signature of a JSON Web Token, and what it says of itself. Good ones are remembered: a token comes with many requests. */
import { createLocalJWKSet, decodeJwt, errors, type JWK, jwtVerify } from "jose";
import { ALGORITHMS, hasSoundTimes, isCompactJws } from "../../mesh/policies/authenticate.ts";
import type { KeySet } from "../../mesh/key-set.ts";
import type { Claims } from "../../mesh/policies/authorize-clause.ts";
import { type Memory, remember } from "./memory.ts";

export type Expected = {
  readonly issuer: string;
  /** One of them must be among the token's; undefined leaves that to whoever asks. */
  readonly audiences: readonly string[] | undefined;
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
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...jwks.keys] as JWK[] }), {
      issuer: expected.issuer,
      ...(expected.audiences && { audience: [...expected.audiences] }),
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
