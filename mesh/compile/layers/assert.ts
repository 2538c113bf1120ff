import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

/** Where an AuthenticationPolicy wants services told who calls them. The trust domain is no resource's to say. */
export function assertLayer(policies: Policies, targets: readonly Target[], trustDomain: string | undefined): Policy[] {
  const { kind, namespace, name } = targets.at(-1)!; // a destination is always there
  const wanting = policies.attached("AuthenticationPolicy", targets).filter(({ spec }) => spec.assertCaller);
  if (wanting.length === 0 || trustDomain === undefined || (kind !== "Service" && kind !== "Backend")) return [];
  const sign = wanting.some(({ spec }) => spec.signRequests);
  return [{ kind: "assert", trustDomain, service: `${name}.${namespace}`, ...(sign && { sign }) }];
}
