/**
 * Which policies hold where (GEP-713). A TrafficPolicy's sections override one another, the most specific target wins:
 * Gateway, listener, route, rule, then Service or Backend. Limits of RateLimitPolicies do not override: all of them hold.
 */
import type { Problem } from "../problem.ts";
import { GATEWAY_API, SELVEDGE_API } from "../resources/kind.ts";
import { milliseconds, type TargetReference } from "../resources/parts.ts";
import type { BreakerPolicy } from "../policies/breaker.ts";
import type { RateLimit } from "../policies/rate-limit.ts";
import type { Item, Model, Named } from "./model.ts";

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
};

type Traffic = Item<"TrafficPolicy">;
type Limits = Item<"RateLimitPolicy">;

export function policies(model: Model): Policies {
  const traffic = attachedBy(model, model.all("TrafficPolicy"));
  const limits = attachedBy(model, model.all("RateLimitPolicy"));
  reportConflicts(model, traffic);
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

/** Policies by the target they attach to, oldest first. A reference that cannot hold is reported and left out. */
function attachedBy<P extends Traffic | Limits>(model: Model, all: readonly P[]): Map<string, P[]> {
  const attached = new Map<string, P[]>();
  for (const policy of all)
    policy.spec.targetRefs.forEach((ref, index) => {
      const target = targetOf(model, policy, ref, `spec.targetRefs[${index}]`);
      if (!target) return;
      const key = keyOf(target);
      const list = attached.get(key) ?? [];
      // Named twice by one policy, a target is still limited once.
      if (list.at(-1) !== policy) list.push(policy);
      attached.set(key, list);
    });
  return attached;
}

const GROUPS: Readonly<Record<string, string>> = {
  Gateway: GATEWAY_API,
  HTTPRoute: GATEWAY_API,
  Service: "",
  Backend: SELVEDGE_API,
};

function targetOf(model: Model, policy: Named, ref: TargetReference, path: string): Target | undefined {
  const home = policy.metadata.namespace ?? "";
  const { group, kind, namespace = home, name, sectionName } = ref;
  if (GROUPS[kind] !== group || !Object.hasOwn(GROUPS, kind)) {
    model.warn(
      policy,
      "not-carried",
      path,
      `a policy cannot target ${kind} of group "${group}"`,
      "target a Gateway, HTTPRoute, Service or Backend",
    );
    return undefined;
  }
  if (namespace !== home) {
    model.warn(policy, "not-permitted", path, "a policy holds in its own namespace only", `put it in ${namespace}`);
    return undefined;
  }
  const item = model.find(kind as "Gateway" | "HTTPRoute" | "Service" | "Backend", namespace, name);
  if (!item) {
    model.warn(policy, "dangling-reference", path, `no ${kind} ${namespace}/${name}`);
    return undefined;
  }
  if (sectionName === undefined) return { kind, namespace, name };
  const sections = sectionsOf(item);
  if (sections.includes(sectionName)) return { kind, namespace, name, section: sectionName };
  const fix = sections.length > 0 ? `one of ${sections.join(", ")}` : "leave sectionName out";
  model.warn(policy, "dangling-reference", `${path}.sectionName`, `${kind} ${name} has no section ${sectionName}`, fix);
  return undefined;
}

function sectionsOf(item: Item<"Gateway" | "HTTPRoute" | "Service" | "Backend">): string[] {
  if (item.kind === "Gateway") return (item as Item<"Gateway">).spec.listeners.map(({ name }) => name);
  if (item.kind === "HTTPRoute") return (item as Item<"HTTPRoute">).spec.rules.flatMap(({ name }) => name ?? []);
  return [];
}

/** Two policies of one target that both set a section: the older one holds, and the younger is told. */
function reportConflicts(model: Model, attached: ReadonlyMap<string, readonly Traffic[]>): void {
  for (const [target, group] of attached)
    for (const section of ["timeouts", "breaker"] as const) {
      const [first, ...rest] = group.filter(({ spec }) => spec[section] !== undefined);
      for (const loser of rest)
        model.warn(
          loser,
          "conflict" satisfies Problem["code"],
          `spec.${section}`,
          `${titleOf(first!)} is older and already sets ${section} of ${target.replace(/\/$/, "")}`,
        );
    }
}
