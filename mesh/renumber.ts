/** Indices of backends that stand in policies, given anew where a list of backends is cut up or put together. */
import type { Policy } from "./snapshot.ts";

/** The policy with each backend it names by index under its new one. A kind that comes to name backends belongs here. */
export function renumbered(policy: Policy, to: (backend: number) => number): Policy {
  if (policy.kind === "mirror" || policy.kind === "balance" || policy.kind === "endpoint-breaker")
    return { ...policy, backend: to(policy.backend) };
  if (policy.kind === "session")
    return { ...policy, shares: policy.shares.map((backend) => (backend === null ? null : to(backend))) };
  return policy;
}
