/**
 * Whether a caller may make a request, and why: which policies are asked, which rule decides, and what would have to differ. By the rule
 * that takes the request and by the functions that an edge decides with.
 */
import type { Compiled } from "../compile/compile.ts";
import type { Identity } from "../identity.ts";
import type { Claims, Asked as Authorizing } from "../policies/authorize-clause.ts";
import {
  type AuthorizationGroup,
  type Explanation as GroupExplanation,
  explainAuthorization,
} from "../policies/authorize.ts";
import type { Policy } from "../snapshot.ts";
import { type Asked, explain } from "./explain.ts";
import { type Answer, denied, isPreflight } from "./onward.ts";

/** What is taken as proven of whoever calls. */
export type Caller = {
  readonly identity: Identity | undefined;
  /** SPIFFE IDs through which the call came to its caller, the first one first. */
  readonly chain: readonly string[];
  /** Of a token whose signature, issuer and audience are good; undefined for no token. */
  readonly claims: Claims | undefined;
  /** The peer's address; empty where it is not known. */
  readonly client: string;
  /** With the peer's address at the end of X-Forwarded-For, as an edge has them. */
  readonly headers: Authorizing["headers"];
};

export type AuthorizationCheck = {
  readonly verdict: "allowed" | "denied" | "answered";
  /** `namespace/name` of the route, and its rule, that take the request; absent where none does. */
  readonly taker?: { readonly route: string; readonly rule: string };
  /** The mesh's answer before authorization is asked, or in its place. */
  readonly answer?: Answer;
  /** One for each thing that is protected; every one must allow. */
  readonly groups: readonly GroupExplanation[];
  /** The same with dry runs in force; absent where there are none. */
  readonly withDryRuns?: readonly GroupExplanation[];
};

export function checkAuthorization(compiled: Compiled, asked: Asked, caller: Caller): AuthorizationCheck {
  const { taker, path, answer } = explain(compiled, asked, 0);
  const early = answer && EARLY.has(answer.cause ?? "") ? answer : undefined;
  if (!taker || early) return { verdict: "answered", ...(answer && { answer }), groups: [] };
  const { layers } = compiled.snapshot.rules[taker.candidate.rule]!; // explain made the index
  const named = { taker: { route: taker.route, rule: taker.rule } };
  if (isPreflight(asked) && layers.some(({ kind }) => kind === "cors"))
    return { verdict: "answered", ...named, ...(answer && { answer }), groups: [] };
  const unauthenticated = authenticated(layers, caller.claims);
  if (unauthenticated) return { verdict: "denied", ...named, answer: unauthenticated, groups: [] };
  const groups = layers.flatMap((layer) => (layer.kind === "authorize" ? layer.groups : []));
  const { headers, client, identity, chain, claims } = caller;
  const call: Authorizing = {
    request: asked,
    path,
    host: asked.host,
    port: asked.port,
    headers,
    client,
    identity,
    chain,
    claims,
  };
  const explained = explainAuthorization(groups, call);
  const dry = groups.some((group) => group.some(({ dryRun }) => dryRun));
  return {
    verdict: explained.every(({ allowed }) => allowed) ? "allowed" : "denied",
    ...named,
    groups: explained,
    ...(dry && { withDryRuns: explainAuthorization(groups.map(inForce), call) }),
  };
}

/** What is decided before a rule's layers are asked. */
const EARLY: ReadonlySet<string> = new Set(["method-not-carried", "path-ambiguous"]);

const inForce = (group: AuthorizationGroup): AuthorizationGroup =>
  group.map(({ name, action, trustedProxies, rules }) => ({ name, action, trustedProxies, rules }));

function authenticated(layers: readonly Policy[], claims: Claims | undefined): Answer | undefined {
  for (const layer of layers) {
    if (layer.kind !== "authenticate") continue;
    if (!claims) {
      if (layer.required)
        return denied({ cause: "unauthorized", presented: false }, "an AuthenticationPolicy requires a token");
      continue;
    }
    const issuers = layer.providers.map(({ issuer }) => issuer);
    if (!issuers.includes(String(claims["iss"])))
      return denied({ cause: "unauthorized", presented: true }, `the token's iss is none of ${issuers.join(", ")}`);
  }
  return undefined;
}
