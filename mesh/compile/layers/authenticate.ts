import type { KeySet } from "../../key-set.ts";
import { type Place, type Provider } from "../../policies/authenticate.ts";
import { parsedKeySet } from "../../resources/authentication-policy.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Item } from "../model.ts";
import { type Policies, type Target, titleOf } from "../policies.ts";

/** All policies that hold on the way add up: a token of any of their issuers is accepted, and one is needed if any of them needs one. */
export function authenticateLayer(policies: Policies, targets: readonly Target[]): Policy[] {
  const attached = policies.attached("AuthenticationPolicy", targets).filter(({ spec }) => spec.jwtRules.length > 0);
  const found = [...new Set(attached)];
  if (found.length === 0) return [];
  const required = found.some(({ spec }) => spec.required);
  return [{ kind: "authenticate", required, providers: found.flatMap(providersOf) }];
}

const BEARER: Place = { kind: "header", name: "authorization", prefix: "Bearer " };

function providersOf(policy: Item<"AuthenticationPolicy">): Provider[] {
  return policy.spec.jwtRules.map((rule, index) => {
    const { fromHeaders = [], fromCookies = [], fromParams = [] } = rule;
    const from: Place[] = [
      ...fromHeaders.map(({ name, prefix }) => ({ kind: "header", name: name.toLowerCase(), prefix }) as const),
      ...fromCookies.map((name) => ({ kind: "cookie", name }) as const),
      ...fromParams.map((name) => ({ kind: "query", name }) as const),
    ];
    return {
      name: `${titleOf(policy)}/${index}`,
      issuer: rule.issuer,
      audiences: rule.audiences,
      keys:
        rule.jwksUri === undefined
          ? { kind: "inline", jwks: parsedKeySet(rule.jwks) as KeySet }
          : { kind: "remote", url: rule.jwksUri },
      from: from.length > 0 ? from : [BEARER],
      claimHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ header: header.toLowerCase(), claim })),
      forward: rule.forwardOriginalToken,
      skewMs: milliseconds(rule.clockSkew),
    };
  });
}
