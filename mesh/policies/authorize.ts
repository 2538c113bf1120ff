/**
 * AuthorizationPolicies: who may call what. The order is Istio's: a DENY rule that matches refuses; then, if there are ALLOW
 * policies, one of their rules must match; AUDIT rules are told and decide nothing. Policies hold in groups, one for each thing
 * that they protect, and every group must admit the call.
 */
import { type Asked, type Clause, type Fact, fact, type Hindrance, type Settings } from "./authorize-clause.ts";

export type AuthorizationPolicy = Settings & {
  /** `namespace/name` */
  readonly name: string;
  /** Decides nothing; what it would refuse is told. */
  readonly dryRun?: true;
  readonly rules: readonly AuthorizationRule[];
};

/** Each part must hold. A part holds if one of its alternatives does, and an alternative if all of its clauses do. */
export type AuthorizationRule = {
  /** The rule's name, or its number in the policy. */
  readonly name: string;
  readonly parts: readonly Part[];
};
type Part = readonly (readonly Clause[])[];

/** The policies that protect one thing. */
export type AuthorizationGroup = readonly AuthorizationPolicy[];

/** What an operator may know of a decision, and a caller may not. Without a rule: no ALLOW rule matched. */
export type Finding = {
  readonly effect: "denied" | "would-deny" | "audited";
  readonly policy: string;
  readonly rule?: string;
};

/** Undefined if the call is allowed. `tell` hears of what dry runs would refuse and of what is to be audited. */
export type Authorizer = (asked: Asked, tell: (finding: Finding) => void) => Finding | undefined;

/** Throws an Error for what this edge cannot go by. Made once for a rule of a route, and then asked for each call: nothing here allocates for a call that is allowed. */
export function authorizer(groups: readonly AuthorizationGroup[]): Authorizer {
  const ready = groups.map((group) => {
    const policies = group.map(readyPolicy);
    const dry = policies.some(({ policy }) => policy.dryRun);
    return {
      enforced: dry ? policies.filter(({ policy }) => !policy.dryRun) : policies,
      dry: dry ? policies : undefined,
      audits: policies.filter(({ policy }) => policy.action === "AUDIT"),
    };
  });
  return (asked, tell) => {
    for (const { enforced, dry, audits } of ready) {
      for (const { policy, rules } of audits)
        for (const rule of rules)
          if (matches(rule, asked)) tell({ effect: "audited", policy: policy.name, rule: rule.name });
      const refused = refusal(enforced, asked, "denied");
      if (refused) return refused;
      const wouldRefuse = dry && refusal(dry, asked, "would-deny");
      if (wouldRefuse) tell(wouldRefuse);
    }
    return undefined;
  };
}

type ReadyRule = { readonly name: string; readonly parts: readonly (readonly (readonly Fact[])[])[] };
type ReadyPolicy = { readonly policy: AuthorizationPolicy; readonly rules: readonly ReadyRule[] };

const ACTIONS: readonly string[] = ["ALLOW", "DENY", "AUDIT"];

function readyPolicy(policy: AuthorizationPolicy): ReadyPolicy {
  if (!ACTIONS.includes(policy.action)) throw new Error(`unknown action ${policy.action}`);
  return {
    policy,
    rules: policy.rules.map(({ name, parts }) => ({
      name,
      parts: parts.map((part) => part.map((clauses) => clauses.map((clause) => fact(clause, policy)))),
    })),
  };
}

function refusal(policies: readonly ReadyPolicy[], asked: Asked, effect: Finding["effect"]): Finding | undefined {
  let allowing: ReadyPolicy | undefined;
  for (const { policy, rules } of policies) {
    if (policy.action !== "DENY") continue;
    const rule = rules.find((one) => matches(one, asked));
    if (rule) return { effect, policy: policy.name, rule: rule.name };
  }
  for (const one of policies) {
    if (one.policy.action !== "ALLOW") continue;
    if (one.rules.some((rule) => matches(rule, asked))) return undefined;
    allowing ??= one;
  }
  return allowing && { effect, policy: allowing.policy.name };
}

const matches = ({ parts }: ReadyRule, asked: Asked): boolean =>
  parts.every((part) => part.some((facts) => facts.every(({ holds }) => holds(asked))));

/** Why a group decided as it did; for operators alone. */
export type Explanation = {
  readonly allowed: boolean;
  /** `namespace/name` of each policy that was asked, in the order of asking. */
  readonly policies: readonly string[];
  /** The policy and rule that decided; absent where nothing matched, or nothing is there to match. */
  readonly policy?: string;
  readonly rule?: string;
  /** Of the policy that decided. A refusal by ALLOW is one for want of a rule that matches. */
  readonly action?: "ALLOW" | "DENY";
  /** Of a refusal: by DENY, the clauses that matched, any one of which would have to differ; otherwise those that fail in the ALLOW rule that is nearest. */
  readonly hindrances: readonly Hindrance[];
};

/** The same decision as `authorizer`'s, with its reasons. Policies on dry run are left out, as they are there. */
export const explainAuthorization = (groups: readonly AuthorizationGroup[], asked: Asked): Explanation[] =>
  groups.map((group) => explainGroup(group.filter(({ dryRun }) => !dryRun).map(readyPolicy), asked));

function explainGroup(all: readonly ReadyPolicy[], asked: Asked): Explanation {
  const ruled = (action: "ALLOW" | "DENY") =>
    all
      .filter(({ policy }) => policy.action === action)
      .flatMap(({ policy, rules }) => rules.map((rule) => ({ policy: policy.name, action, rule })));
  const policies = ["DENY", "ALLOW"].flatMap((action) =>
    all.filter(({ policy }) => policy.action === action).map(({ policy }) => policy.name),
  );
  const denying = ruled("DENY").find(({ rule }) => matches(rule, asked));
  if (denying) {
    const matched = denying.rule.parts.flatMap((part) =>
      part.find((facts) => facts.every(({ holds }) => holds(asked)))!,
    ); // every part has one
    return decided(
      false,
      policies,
      denying,
      matched.map((one) => one.hindrance(asked, "other")),
    );
  }
  const allowing = ruled("ALLOW");
  const match = allowing.find(({ rule }) => matches(rule, asked));
  if (match || !all.some(({ policy }) => policy.action === "ALLOW")) return decided(true, policies, match, []);
  const [nearest] = allowing
    .map((one) => ({ ...one, failing: one.rule.parts.flatMap((part) => fewestFailing(part, asked)) }))
    .toSorted((a, b) => a.failing.length - b.failing.length);
  return decided(false, policies, nearest, nearest?.failing.map((one) => one.hindrance(asked, "this")) ?? []);
}

const decided = (
  allowed: boolean,
  policies: readonly string[],
  by: { readonly policy: string; readonly action: "ALLOW" | "DENY"; readonly rule: ReadyRule } | undefined,
  hindrances: readonly Hindrance[],
): Explanation => ({
  allowed,
  policies,
  ...(by && { policy: by.policy, action: by.action, rule: by.rule.name }),
  hindrances,
});

/** Of a part's alternatives, what fails in the one that fails least. */
function fewestFailing(part: readonly (readonly Fact[])[], asked: Asked): Fact[] {
  const failing = part.map((facts) => facts.filter(({ holds }) => !holds(asked)));
  return failing.toSorted((a, b) => a.length - b.length)[0] ?? [];
}
