/** Status of policies (GEP-713), target by target. */
import { z } from "zod";
import { CONTROLLER_NAME } from "../../resources/gateway-class.ts";
import { type TargetReference, targetReference } from "../../resources/parts.ts";
import type { Facts } from "../compile.ts";
import type { Item } from "../model.ts";
import { type AnyPolicy, sectionsIn, type TargetFact } from "../policies.ts";
import { type Condition, type Judge, judge } from "./condition.ts";

export function policyStatus({ policies }: Facts, policy: AnyPolicy) {
  const say = judge(policy);
  return {
    ancestors: policies
      .targetsOf(policy)
      .map((fact) => ancestor(policy.metadata.namespace, fact.ref, accepted(say, policy, fact))),
  };
}

/** A policy that loses itself, or each of its sections, to an older one does nothing there; one that keeps some says which it lost. */
function accepted(say: Judge, policy: AnyPolicy, fact: TargetFact): Condition {
  if ("refusal" in fact) return say("Accepted", false, fact.refusal.reason, fact.refusal.message);
  const message = fact.lost.map((lost) => lost.message).join("; ");
  return fact.lost.length > 0 && fact.lost.length === Math.max(1, sectionsIn(policy).length)
    ? say("Accepted", false, "Conflicted", message)
    : say("Accepted", true, "Accepted", message);
}

export function uncarriedPolicyStatus(policy: Item<"BackendTLSPolicy">, why: string) {
  const say = judge(policy);
  const { data } = z.looseObject({ targetRefs: z.array(targetReference).default([]) }).safeParse(policy.spec);
  return {
    ancestors: (data?.targetRefs ?? []).map((ref) =>
      ancestor(policy.metadata.namespace, ref, say("Accepted", false, "Invalid", why)),
    ),
  };
}

const ancestor = (namespace: string, ref: TargetReference, condition: Condition) => ({
  ancestorRef: { namespace, ...ref },
  controllerName: CONTROLLER_NAME,
  conditions: [condition],
});
