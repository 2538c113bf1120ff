/** AuthenticationPolicies: whose tokens a route accepts, where they stand in a request, and what becomes of their claims. */
import type { KeySet } from "../key-set.ts";
import type { Claims } from "./authorize-clause.ts";

export type Authentication = {
  readonly required: boolean;
  readonly providers: readonly Provider[];
};

export type Provider = {
  /** `namespace/policy/number` */
  readonly name: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly keys: { readonly kind: "inline"; readonly jwks: KeySet } | { readonly kind: "remote"; readonly url: string };
  readonly from: readonly Place[];
  /** Header names are in lower case. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly forward: boolean;
  readonly skewMs: number;
};

/** Where a token may stand. */
export type Place =
  | { readonly kind: "header"; readonly name: string; readonly prefix: string }
  | { readonly kind: "cookie" | "query"; readonly name: string };

/** Algorithms that sign with a private key. Those of a shared secret, and `none`, are not among them and never will be. */
export const ALGORITHMS: readonly string[] = [
  "EdDSA",
  "Ed25519",
  ...["ES", "RS", "PS"].flatMap((family) => ["256", "384", "512"].map((bits) => family + bits)),
];

/** Longer ones are refused unread: a token is parsed before its signature can be checked. */
const LONGEST_TOKEN = 16_384;

/** Three parts of base64url, none empty (RFC 7515 §3.1). What is laxer than this would give one token many spellings. */
export const isCompactJws = (token: string): boolean =>
  token.length <= LONGEST_TOKEN && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);

/** What of a request can carry a token. */
export type Carriers = {
  readonly header: (name: string) => string | null;
  readonly query: (name: string) => readonly string[];
};

/** The token at `place`; undefined where there is none. A scheme's name is told in any letter case (RFC 9110 §11.1). */
export function tokenAt(place: Place, carriers: Carriers): string | undefined {
  switch (place.kind) {
    case "header": {
      const value = carriers.header(place.name);
      if (value === null || value.slice(0, place.prefix.length).toLowerCase() !== place.prefix.toLowerCase())
        return undefined;
      return value.slice(place.prefix.length).trim() || undefined;
    }
    case "cookie":
      return only(cookiesNamed(carriers.header("cookie"), place.name));
    case "query":
      return only(carriers.query(place.name));
  }
}

/** Two tokens in one place are two answers to one question; joined they are no token, and so refused. */
const only = (tokens: readonly string[]): string | undefined => (tokens.length === 0 ? undefined : tokens.join(","));

const cookiesNamed = (header: string | null, name: string): string[] =>
  (header ?? "").split(";").flatMap((pair) => {
    const [key = "", ...value] = pair.split("=");
    return key.trim() === name ? [value.join("=").trim()] : [];
  });

/** The cookie header without the cookies of that name; null when none is left. */
export function withoutCookie(header: string, name: string): string | null {
  const kept = header.split(";").filter((pair) => pair.split("=")[0]!.trim() !== name);
  return kept.length === 0 ? null : kept.join(";").trim();
}

/** Whether the times among `claims` are times: JSON can say a number that is infinite. */
export const hasSoundTimes = ({ exp, nbf, iat }: Claims): boolean =>
  [exp, nbf, iat].every((time) => time === undefined || (typeof time === "number" && Number.isFinite(time)));

/** A claim as a header's value; undefined for one that is not there, or that a header cannot hold. */
export function claimText(claims: Claims, claim: string): string | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  const text =
    typeof value === "string" ? value : value === undefined || value === null ? undefined : JSON.stringify(value);
  return text !== undefined && /^[\x20-\x7e]*$/.test(text) ? text : undefined;
}
