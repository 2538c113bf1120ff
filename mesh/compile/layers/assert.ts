import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

/** Where an AuthenticationPolicy wants services told who calls them. The trust domain is no resource's to say. */
export function assertLayer(policies: Policies, targets: readonly Target[], trustDomain: string | undefined): Policy[] {
  const { kind, namespace, name } = targets.at(-1)!; // a destination is always there
  const wanted = policies.attached("AuthenticationPolicy", targets).some(({ spec }) => spec.assertCaller);
  if (!wanted || trustDomain === undefined || (kind !== "Service" && kind !== "Backend")) return [];
  return [{ kind: "assert", trustDomain, service: `${name}.${namespace}` }];
}
