import { z } from "zod";
import { isRecord } from "../canonical.ts";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { distinct, duration, headerName, targetReference } from "./parts.ts";

/** Public keys alone: a secret would have no business in a configuration, and an HMAC's key is one. */
const keySet = z
  .union([
    z.looseObject({
      keys: z
        .array(z.looseObject({ kty: z.string() }))
        .min(1)
        .max(64),
    }),
    z.string().min(1).max(100_000),
  ])
  .superRefine((given, context) => {
    const message = keySetProblem(given);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

function keySetProblem(given: unknown): string | undefined {
  const { keys } = parsedKeySet(given) ?? {};
  if (!Array.isArray(keys) || keys.length === 0) return "must be a JSON Web Key Set: {keys: [...]} (RFC 7517)";
  const kinds = new Set(["RSA", "EC", "OKP"]);
  const odd = keys.findIndex((key) => !isRecord(key) || !kinds.has(key.kty as string));
  if (odd >= 0) return `keys[${odd}] must be a public key of kty RSA, EC or OKP`;
  const secret = keys.findIndex((key) => isRecord(key) && "d" in key);
  return secret >= 0 ? `keys[${secret}] is a private key: give its public part alone` : undefined;
}

/** Istio has it as text; as YAML it reads better. */
export function parsedKeySet(given: unknown): { readonly keys: unknown } | undefined {
  if (typeof given !== "string") return isRecord(given) ? (given as { keys: unknown }) : undefined;
  try {
    const parsed: unknown = JSON.parse(given);
    return isRecord(parsed) ? (parsed as { keys: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

/** Keys that came in the clear could be anyone's; a host of this machine is for trying things out. */
const keysUri = z
  .string()
  .max(2048)
  .refine((text) => {
    const { protocol, host } = /^(?<protocol>https?):\/\/(?<host>[^/?#@]+)(?:[/?][^#]*)?$/.exec(text)?.groups ?? {};
    return (
      protocol === "https" || (protocol === "http" && /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host ?? ""))
    );
  }, "must be a URL of https, without user, password and fragment (http to loopback alone)");

const cookieName = z.string().regex(/^[\w!#$%&'*+\-.^`|~]+$/, "must be a cookie's name (RFC 6265)");

const jwtRule = z
  .strictObject({
    issuer: z.string().min(1).max(1024),
    /** One of them must be among the token's. */
    audiences: z.array(z.string().min(1).max(1024)).min(1).max(64),
    jwks: keySet.optional(),
    jwksUri: keysUri.optional(),
    fromHeaders: z
      .array(z.strictObject({ name: headerName, prefix: z.string().max(64).default("") }))
      .min(1)
      .max(8)
      .optional(),
    fromCookies: z.array(cookieName).min(1).max(8).optional(),
    fromParams: z.array(z.string().min(1).max(256)).min(1).max(8).optional(),
    /** What callers send in these headers is dropped, with a token and without. */
    outputClaimToHeaders: z
      .array(z.strictObject({ header: headerName, claim: z.string().min(1).max(256) }))
      .max(32)
      .superRefine(distinct(({ header }) => header.toLowerCase(), "header"))
      .default([]),
    /** Whether the upstream gets the token too. */
    forwardOriginalToken: z.boolean().default(false),
    /** By how much clocks may differ. */
    clockSkew: duration.default("60s"),
  })
  .refine(
    ({ jwks, jwksUri }) => (jwks === undefined) !== (jwksUri === undefined),
    "needs jwks or jwksUri, and not both",
  );

/** Whose tokens are accepted, and whether one is needed. Fields and their meaning are those of Istio's RequestAuthentication. */
export const authenticationPolicy = defineKind(
  {
    kind: "AuthenticationPolicy",
    plural: "authenticationpolicies",
    shortNames: ["anp"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z
      .strictObject({
        targetRefs: z.array(targetReference).min(1).max(16),
        /** Without, a request that brings no token goes on as nobody's; one that brings a bad one is always refused. */
        required: z.boolean().default(false),
        jwtRules: z.array(jwtRule).max(32).default([]),
        /** Whether services are told, in a signed token for each of them alone, who calls them. */
        assertCaller: z.boolean().default(false),
        /** Whether each request is signed along with that (RFC 9421), so that the assertion is of no use with another request. */
        signRequests: z.boolean().default(false),
      })
      .refine(({ required, jwtRules, assertCaller }) => jwtRules.length > 0 || (assertCaller && !required), {
        path: ["jwtRules"],
        message: "must have a rule, unless the policy only wants services told who calls them",
      })
      .refine(({ assertCaller, signRequests }) => assertCaller || !signRequests, {
        path: ["signRequests"],
        message: "needs assertCaller: true, which tells the service whose request it is that is signed",
      }),
  },
);
