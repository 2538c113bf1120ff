/** Which policies hold for a request, whose they are, and which lost to them (GEP-713). */
import { type Attachment, policyTargets } from "../compile/attach.ts";
import type { Compiled, Facts } from "../compile/compile.ts";
import type { Item } from "../compile/model.ts";
import { type AnyPolicy, type Policies, type Section, type Target, titleOf } from "../compile/policies.ts";
import { compiledRule, ownRule } from "../compile/rules.ts";
import type { Considered, Reached } from "./routing.ts";

export type Holding = {
  /** `TrafficPolicy shop/strict`, or the route itself where its rule sets something of its own. */
  readonly policy: string;
  /** The part of it that is meant; absent for policies that hold as a whole. */
  readonly section?: string;
  /** Where it attached: `Gateway shop/public listener http`. */
  readonly target: string;
  readonly holds: boolean;
  /** What goes before it, everywhere or on a part of the way. */
  readonly lostTo?: string;
  readonly value: unknown;
};

/** Where a compiled rule came from, and by what it is reached. */
export type Origin =
  | {
      readonly kind: "route";
      readonly route: Item<"HTTPRoute">;
      readonly index: number;
      readonly parents: readonly Target[];
    }
  | { readonly kind: "own"; readonly item: Item<"Service"> | Item<"Backend">; readonly port: number };

/** Undefined only for a snapshot and facts that do not belong together. */
export function originOf(
  { snapshot, facts }: Compiled,
  { candidate }: Considered,
  reached: Reached,
): Origin | undefined {
  const { route: title, rule: name } = snapshot.rules[candidate.rule]!;
  const [namespace = "", ownName = ""] = title.split("/");
  if (name === "") {
    const item = facts.model.find("Service", namespace, ownName) ?? facts.model.find("Backend", namespace, ownName);
    return item && reached.kind === "service" && reached.found
      ? { kind: "own", item, port: reached.found.port }
      : undefined;
  }
  const route = facts.model.find("HTTPRoute", namespace, ownName);
  for (const attachment of route ? attachmentsOf(facts, route) : [])
    if (isThrough(attachment, reached))
      for (const index of route!.spec.rules.keys()) {
        const parents = policyTargets(attachment);
        if (compiledRule(facts, route!, index, parents) === candidate.rule)
          return { kind: "route", route: route!, index, parents };
      }
  return undefined;
}

const attachmentsOf = ({ parents }: Facts, route: Item<"HTTPRoute">): Attachment[] =>
  (parents.get(route) ?? []).flatMap((fact) => (fact.kind === "attached" ? fact.to : []));

function isThrough(attachment: Attachment, reached: Reached): boolean {
  if (attachment.kind === "listener") {
    if (reached.kind !== "host" || !reached.listener) return false;
    const { gateway, listener } = attachment.at;
    const { port, hostname, gateways } = reached.listener;
    return listener.port === port && (listener.hostname ?? "") === hostname && gateways.includes(titleOf(gateway));
  }
  if (reached.kind !== "service" || !reached.found) return false;
  const { namespace, name } = attachment.service.metadata;
  return (
    `${name}.${namespace}` === reached.service &&
    attachment.ports.includes(reached.found.port) &&
    attachment.consumer === reached.consumer
  );
}

/** Compiles the rule once more and listens to what it asks of the policies: what decided is what is shown. */
export function holdings(facts: Facts, origin: Origin): Holding[] {
  const asked: Asked[] = [];
  const policies: Policies = {
    ...facts.policies,
    section: (targets, section) => {
      asked.push({ kind: "TrafficPolicy", targets, section });
      return facts.policies.section(targets, section);
    },
    attached: (kind, targets) => {
      asked.push({ kind, targets });
      return facts.policies.attached(kind, targets);
    },
  };
  const listening = { ...facts, policies };
  if (origin.kind === "route") compiledRule(listening, origin.route, origin.index, origin.parents);
  else {
    const { destinations } = facts;
    const { item, port } = origin;
    ownRule(
      listening,
      item.kind === "Service"
        ? destinations.ofService(item as Item<"Service">, port)
        : destinations.ofBackend(item as Item<"Backend">),
    );
  }
  const found = new Map<string, Holding>();
  for (const one of asked.flatMap((question) => answers(facts, question))) {
    const key = `${one.policy} ${one.target} ${one.section ?? ""}`;
    const before = found.get(key);
    found.set(key, before ? merged(before, one) : one);
  }
  return [...(origin.kind === "route" ? ofRule(origin) : []), ...found.values()];
}

type Asked = { readonly kind: AnyPolicy["kind"]; readonly targets: readonly Target[]; readonly section?: Section };

/** One question's, most specific target first; of a section the first answer goes before all others. */
function answers({ policies }: Facts, { kind, targets, section }: Asked): Holding[] {
  const all = targets.toReversed().flatMap((target) =>
    policies
      .attached(kind as "TrafficPolicy", [target])
      .filter(({ spec }) => section === undefined || spec[section] !== undefined)
      .map((policy) => ({ policy: `${kind} ${titleOf(policy)}`, target: showTarget(target), spec: policy.spec })),
  );
  return all.map(({ policy, target, spec }, index) => {
    if (section === undefined) return { policy, target, holds: true, value: spec };
    const holds = index === 0;
    const value = spec[section];
    return {
      policy,
      section,
      target,
      holds,
      value,
      ...(!holds && { lostTo: `${all[0]!.policy} at ${all[0]!.target}` }),
    };
  });
}

function merged(a: Holding, b: Holding): Holding {
  const lostTo = a.lostTo ?? b.lostTo;
  return { ...a, holds: a.holds || b.holds, ...(lostTo !== undefined && { lostTo }) };
}

/** What the rule says itself, which goes before policies. */
function ofRule({ route, index }: Extract<Origin, { kind: "route" }>): Holding[] {
  const rule = route.spec.rules[index]!;
  const policy = `HTTPRoute ${titleOf(route)}`;
  return (["timeouts", "retry", "sessionPersistence"] as const).flatMap((section) =>
    rule[section] === undefined
      ? []
      : { policy, section, target: `rule ${rule.name ?? index}`, holds: true, value: rule[section] },
  );
}

function showTarget({ kind, namespace, name, section }: Target): string {
  const part = kind === "HTTPRoute" ? "rule" : "listener";
  return `${kind} ${namespace}/${name}${section === undefined ? "" : ` ${part} ${section}`}`;
}
