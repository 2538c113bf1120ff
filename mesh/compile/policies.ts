/**
 * Which policies hold where (GEP-713). A TrafficPolicy's sections override one another, the most specific target wins:
 * Gateway, listener, route, rule, then Service or Backend. Limits of RateLimitPolicies do not override: all of them hold.
 */
import { GATEWAY_API, SELVEDGE_API } from "../resources/kind.ts";
import { milliseconds, type TargetReference } from "../resources/parts.ts";
import type { BreakerPolicy } from "../policies/breaker.ts";
import type { RateLimit } from "../policies/rate-limit.ts";
import type { Item, Model, Named, Refusal } from "./model.ts";

/** A thing that a policy can target; a listener or a rule is its resource with a section. */
export type Target = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly section?: string;
};

export type Policies = {
  /** The value of the most specific target that sets it. Targets go from the least specific to the most. */
  readonly timeoutMs: (targets: readonly Target[]) => number | undefined;
  readonly breaker: (targets: readonly Target[]) => (BreakerPolicy & { readonly policy: string }) | undefined;
  readonly limits: (targets: readonly Target[]) => RateLimit[];
  /** What became of each of a policy's targetRefs, in their order. */
  readonly targetsOf: (policy: AnyPolicy) => readonly TargetFact[];
};

export type AnyPolicy = Traffic | Limits;

/** A target, with the sections in which an older policy goes before; or why the policy holds nowhere there. */
export type TargetFact = { readonly ref: TargetReference } & (
  | { readonly target: Target; readonly lost: readonly Refusal[] }
  | { readonly refusal: Refusal }
);

type Traffic = Item<"TrafficPolicy">;
type Limits = Item<"RateLimitPolicy">;

export function policies(model: Model): Policies {
  const references = new Map<AnyPolicy, readonly Reference[]>();
  const traffic = attachedBy(model, model.all("TrafficPolicy"), references);
  const limits = attachedBy(model, model.all("RateLimitPolicy"), references);
  const facts = new Map<AnyPolicy, readonly TargetFact[]>();
  for (const [policy, found] of references) {
    const judged = found.map((one) =>
      "refusal" in one ? one : { ...one, lost: conflictsOf(policy, one.target, traffic) },
    );
    for (const one of judged)
      for (const refusal of "lost" in one ? one.lost : [one.refusal]) model.refuse(policy, refusal);
    facts.set(policy, judged);
  }
  const section = <S extends "timeouts" | "breaker">(targets: readonly Target[], name: S) => {
    for (const target of targets.toReversed()) {
      const policy = traffic.get(keyOf(target))?.find(({ spec }) => spec[name] !== undefined);
      if (policy) return { policy, value: policy.spec[name]! };
    }
    return undefined;
  };
  return {
    timeoutMs: (targets) => {
      const request = section(targets, "timeouts")?.value.request;
      return request === undefined ? undefined : milliseconds(request);
    },
    breaker: (targets) => {
      const found = section(targets, "breaker");
      return found && { ...breakerOf(found.value), policy: titleOf(found.policy) };
    },
    limits: (targets) => targets.flatMap((target) => (limits.get(keyOf(target)) ?? []).flatMap(limitsOf)),
    targetsOf: (policy) => facts.get(policy) ?? [],
  };
}

const keyOf = ({ kind, namespace, name, section = "" }: Target): string => `${kind}/${namespace}/${name}/${section}`;

const titleOf = ({ metadata }: Named): string => `${metadata.namespace}/${metadata.name}`;

function breakerOf({
  failures,
  failureRatio,
  window,
  openFor,
  maxOpenFor,
  probes,
}: NonNullable<Traffic["spec"]["breaker"]>): BreakerPolicy {
  return {
    failures,
    failureRatio,
    windowMs: milliseconds(window),
    openMs: milliseconds(openFor),
    maxOpenMs: milliseconds(maxOpenFor),
    probes,
  };
}

function limitsOf(policy: Limits): RateLimit[] {
  return policy.spec.limits.map(({ name, key, requests, window, burst }) => {
    const windowMs = milliseconds(window);
    return {
      name: `${titleOf(policy)}/${name}`,
      key: key.map((part) => (part.type === "Header" ? { ...part, name: part.name.toLowerCase() } : part)),
      requests,
      windowMs,
      // Ten seconds' worth at most: a day's quota should not all be had in one burst unless someone says so.
      burst: burst ?? Math.max(1, Math.ceil(requests * Math.min(1, 10_000 / windowMs))),
      onUnavailable: policy.spec.onUnavailable,
    };
  });
}

type Reference = { readonly ref: TargetReference } & ({ readonly target: Target } | { readonly refusal: Refusal });

/** Policies by the target they attach to, oldest first. A reference that cannot hold is reported and left out. */
function attachedBy<P extends AnyPolicy>(
  model: Model,
  all: readonly P[],
  references: Map<AnyPolicy, readonly Reference[]>,
): Map<string, P[]> {
  const attached = new Map<string, P[]>();
  for (const policy of all) {
    const found = policy.spec.targetRefs.map((ref, index): Reference => {
      const target = targetOf(model, policy, ref, `spec.targetRefs[${index}]`);
      return "reason" in target ? { ref, refusal: target } : { ref, target };
    });
    references.set(policy, found);
    for (const reference of found) {
      if ("refusal" in reference) continue;
      const key = keyOf(reference.target);
      const list = attached.get(key) ?? [];
      // Named twice by one policy, a target is still limited once.
      if (list.at(-1) !== policy) list.push(policy);
      attached.set(key, list);
    }
  }
  return attached;
}

const GROUPS: Readonly<Record<string, string>> = {
  Gateway: GATEWAY_API,
  ListenerSet: GATEWAY_API,
  HTTPRoute: GATEWAY_API,
  Service: "",
  Backend: SELVEDGE_API,
};

function targetOf(model: Model, policy: Named, ref: TargetReference, path: string): Target | Refusal {
  const home = policy.metadata.namespace ?? "";
  const { group, kind, namespace = home, name, sectionName } = ref;
  if (GROUPS[kind] !== group || !Object.hasOwn(GROUPS, kind)) {
    const message = `a policy cannot target ${kind} of group "${group}"`;
    const fix = "target a Gateway, ListenerSet, HTTPRoute, Service or Backend";
    return { reason: "Invalid", code: "not-carried", path, message, fix };
  }
  if (namespace !== home) {
    const message = "a policy holds in its own namespace only";
    return { reason: "Invalid", code: "not-permitted", path, message, fix: `put it in ${namespace}` };
  }
  const missing = { reason: "TargetNotFound", code: "dangling-reference" } as const;
  const item = model.find(kind as TargetKind, namespace, name);
  if (!item) return { ...missing, path, message: `no ${kind} ${namespace}/${name}` };
  if (sectionName === undefined) return { kind, namespace, name };
  const sections = sectionsOf(item);
  if (sections.includes(sectionName)) return { kind, namespace, name, section: sectionName };
  const message = `${kind} ${name} has no section ${sectionName}`;
  const fix = sections.length > 0 ? `one of ${sections.join(", ")}` : "leave sectionName out";
  return { ...missing, path: `${path}.sectionName`, message, fix };
}

type TargetKind = "Gateway" | "ListenerSet" | "HTTPRoute" | "Service" | "Backend";

function sectionsOf(item: Item<TargetKind>): string[] {
  if (item.kind === "Gateway" || item.kind === "ListenerSet")
    return (item as Item<"Gateway" | "ListenerSet">).spec.listeners.map(({ name }) => name);
  if (item.kind === "HTTPRoute") return (item as Item<"HTTPRoute">).spec.rules.flatMap(({ name }) => name ?? []);
  return [];
}

/** The parts of a policy of which only one holds at a target. Limits add up, so a RateLimitPolicy has none. */
export const sectionsIn = (policy: AnyPolicy) =>
  policy.kind === "TrafficPolicy"
    ? (["timeouts", "breaker"] as const).filter((section) => (policy as Traffic).spec[section] !== undefined)
    : [];

/** The sections of `policy` that an older policy of the same target sets already. */
function conflictsOf(policy: AnyPolicy, target: Target, attached: ReadonlyMap<string, readonly Traffic[]>): Refusal[] {
  return sectionsIn(policy).flatMap((section): Refusal[] => {
    const first = attached.get(keyOf(target))?.find(({ spec }) => spec[section] !== undefined);
    if (!first || first === policy) return [];
    const message = `${titleOf(first)} is older and already sets ${section} of ${keyOf(target).replace(/\/$/, "")}`;
    return [{ reason: "Conflicted", code: "conflict", path: `spec.${section}`, message }];
  });
}
