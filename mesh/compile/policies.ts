/**
 * Which policies hold where (GEP-713). A TrafficPolicy's sections override one another, the most specific target wins:
 * Gateway, listener, route, rule, then Service or Backend. Limits of RateLimitPolicies do not override: all of them hold.
 */
import { GATEWAY_API, SELVEDGE_API } from "../resources/kind.ts";
import type { TargetReference } from "../resources/parts.ts";
import type { Item, Model, Named, Refusal } from "./model.ts";

/** A thing that a policy can target; a listener or a rule is its resource with a section. */
export type Target = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly section?: string;
};

/** Every kind of policy. Sections of TrafficPolicies override one another, IdempotencyPolicies and TelemetryPolicies as a whole; of the others, all that are attached hold. */
export const POLICY_KINDS = [
  "TrafficPolicy",
  "RateLimitPolicy",
  "IdempotencyPolicy",
  "AuthenticationPolicy",
  "AuthorizationPolicy",
  "TelemetryPolicy",
] as const;
type PolicyKind = (typeof POLICY_KINDS)[number];
export type AnyPolicy = { [K in PolicyKind]: Item<K> }[PolicyKind];

type Traffic = Item<"TrafficPolicy">;
export type Section = Exclude<keyof Traffic["spec"], "targetRefs">;

export type Policies = {
  /** The section of the most specific target that sets it, and whose it is. Targets go from the least specific to the most. */
  readonly section: <S extends Section>(targets: readonly Target[], name: S) => Found<S> | undefined;
  /** What is attached to any of `targets`, least specific target first, and of one target the oldest first. */
  readonly attached: <K extends PolicyKind>(kind: K, targets: readonly Target[]) => readonly Item<K>[];
  /** What became of each of a policy's targetRefs, in their order. */
  readonly targetsOf: (policy: AnyPolicy) => readonly TargetFact[];
};

/** `policy` is `namespace/name`. */
export type Found<S extends Section> = { readonly value: NonNullable<Traffic["spec"][S]>; readonly policy: string };

/** A target, with the sections in which an older policy goes before; or why the policy holds nowhere there. */
export type TargetFact = { readonly ref: TargetReference } & (
  | { readonly target: Target; readonly lost: readonly Refusal[] }
  | { readonly refusal: Refusal }
);

export function policies(model: Model): Policies {
  const references = new Map<AnyPolicy, readonly Reference[]>();
  const byKind = new Map(POLICY_KINDS.map((kind) => [kind, attachedBy(model, model.all(kind), references)]));
  const traffic = byKind.get("TrafficPolicy") as Attached<Traffic>;
  const set = new Set(model.all("TrafficPolicy").flatMap(sectionsIn));
  const facts = new Map<AnyPolicy, readonly TargetFact[]>();
  for (const [policy, found] of references) {
    const judged = found.map((one) =>
      "refusal" in one
        ? one
        : {
            ...one,
            lost:
              policy.kind === "IdempotencyPolicy" || policy.kind === "TelemetryPolicy"
                ? supplanted(policy, one.target, byKind.get(policy.kind)!) // one entry for each kind
                : conflictsOf(policy, one.target, traffic),
          },
    );
    for (const one of judged)
      for (const refusal of "lost" in one ? one.lost : [one.refusal]) model.refuse(policy, refusal);
    facts.set(policy, judged);
  }
  return {
    section: (targets, name) => {
      // Most are set nowhere, and each rule asks for each of them several times.
      if (!set.has(name)) return undefined;
      for (let at = targets.length - 1; at >= 0; at--) {
        const target = targets[at]!;
        const policy = traffic.get(keyOf(target))?.find(({ spec }) => spec[name] !== undefined);
        if (policy) return { policy: titleOf(policy), value: policy.spec[name]! }; // found by having it
      }
      return undefined;
    },
    attached: (kind, targets) => {
      const attached = byKind.get(kind);
      if (!attached?.size) return [];
      return targets.flatMap((target) => attached.get(keyOf(target)) ?? []) as Item<typeof kind>[];
    },
    targetsOf: (policy) => facts.get(policy) ?? [],
  };
}

/** By the key of the target, oldest first. */
type Attached<P extends AnyPolicy> = ReadonlyMap<string, readonly P[]>;

export const keyOf = ({ kind, namespace, name, section = "" }: Target): string =>
  `${kind}/${namespace}/${name}/${section}`;

export const titleOf = ({ metadata }: Named): string => `${metadata.namespace}/${metadata.name}`;

type Reference = { readonly ref: TargetReference } & ({ readonly target: Target } | { readonly refusal: Refusal });

/** Policies by the target they attach to, oldest first. A reference that cannot hold is reported and left out. */
function attachedBy<P extends AnyPolicy>(
  model: Model,
  all: readonly P[],
  references: Map<AnyPolicy, readonly Reference[]>,
): Attached<P> {
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

/** What protects or watches over a whole namespace, or the whole mesh, is not said of each thing in it. Neither of the two need be a resource. */
const WIDE_KINDS: readonly string[] = ["AuthenticationPolicy", "AuthorizationPolicy", "TelemetryPolicy"];
const WIDE_GROUPS: Readonly<Record<string, string>> = { Namespace: "", Mesh: SELVEDGE_API };

/** The namespace whose policies may hold for the whole mesh, as Istio has its root namespace. */
const ROOT_NAMESPACE = "selvedge-system";
export const MESH_TARGET: Target = { kind: "Mesh", namespace: ROOT_NAMESPACE, name: "mesh" };
export const namespaceTarget = (name: string): Target => ({ kind: "Namespace", namespace: name, name });

function targetOf(model: Model, policy: Named, ref: TargetReference, path: string): Target | Refusal {
  const home = policy.metadata.namespace ?? "";
  const { group, kind, namespace = home, name, sectionName } = ref;
  if (WIDE_KINDS.includes(policy.kind) && WIDE_GROUPS[kind] === group) return wideTarget(home, ref, path);
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

function wideTarget(
  home: string,
  { kind, name, namespace = home, sectionName }: TargetReference,
  path: string,
): Target | Refusal {
  const refused = (message: string, fix: string): Refusal => ({
    reason: "Invalid",
    code: "not-permitted",
    path,
    message,
    fix,
  });
  const wanted = kind === "Mesh" ? MESH_TARGET : namespaceTarget(home);
  if (sectionName !== undefined) return refused(`a ${kind} has no sections`, "leave sectionName out");
  if (home !== wanted.namespace)
    return refused("a policy of the whole mesh has a namespace of its own", `put it in ${ROOT_NAMESPACE}`);
  if (name !== wanted.name || namespace !== home)
    return refused(
      kind === "Mesh" ? "there is one mesh" : "a policy holds in its own namespace only",
      `name it ${wanted.name}`,
    );
  return wanted;
}

type TargetKind = "Gateway" | "ListenerSet" | "HTTPRoute" | "Service" | "Backend";

function sectionsOf(item: Item<TargetKind>): string[] {
  if (item.kind === "Gateway" || item.kind === "ListenerSet")
    return (item as Item<"Gateway" | "ListenerSet">).spec.listeners.map(({ name }) => name);
  if (item.kind === "HTTPRoute") return (item as Item<"HTTPRoute">).spec.rules.flatMap(({ name }) => name ?? []);
  return [];
}

/** The parts of a policy of which only one holds at a target. Limits, say, add up, so a RateLimitPolicy has none. */
export function sectionsIn(policy: AnyPolicy): Section[] {
  if (policy.kind !== "TrafficPolicy") return [];
  const { targetRefs: _targetRefs, ...sections } = (policy as Traffic).spec;
  return (Object.keys(sections) as Section[]).filter((section) => sections[section] !== undefined);
}

/** Of policies that hold whole, the oldest of a target does. */
function supplanted(policy: AnyPolicy, target: Target, attached: Attached<AnyPolicy>): Refusal[] {
  const first = attached.get(keyOf(target))?.[0];
  if (!first || first === policy) return [];
  const message = `${titleOf(first)} is older and already holds for ${keyOf(target).replace(/\/$/, "")}`;
  return [{ reason: "Conflicted", code: "conflict", path: "spec", message }];
}

/** The sections of `policy` that an older policy of the same target sets already. */
function conflictsOf(policy: AnyPolicy, target: Target, attached: Attached<Traffic>): Refusal[] {
  return sectionsIn(policy).flatMap((section): Refusal[] => {
    const first = attached.get(keyOf(target))?.find(({ spec }) => spec[section] !== undefined);
    if (!first || first === policy) return [];
    const message = `${titleOf(first)} is older and already sets ${section} of ${keyOf(target).replace(/\/$/, "")}`;
    return [{ reason: "Conflicted", code: "conflict", path: `spec.${section}`, message }];
  });
}
