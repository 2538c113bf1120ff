/** The time of a whole call, and of each of its tries. A route's own timeout goes before a policy's. */
import type { RouteRule } from "../../resources/http-route.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

export const routeDeadline = (policies: Policies, rule: RouteRule, targets: readonly Target[]): Policy[] =>
  rule.timeouts?.request === undefined
    ? policyDeadline(policies, targets)
    : timer("deadline", milliseconds(rule.timeouts.request));

export function policyDeadline(policies: Policies, targets: readonly Target[]): Policy[] {
  const request = policies.section(targets, "timeouts")?.value.request;
  return request === undefined ? [] : timer("deadline", milliseconds(request));
}

export const tryTimeout = ({ timeouts }: RouteRule): Policy[] =>
  timeouts?.backendRequest === undefined ? [] : timer("try-timeout", milliseconds(timeouts.backendRequest));

/** A runtime's timer holds 31 bits; a longer one would go off at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `0s` switches a timeout off. */
const timer = (kind: "deadline" | "try-timeout", ms: number): Policy[] =>
  ms === 0 ? [] : [{ kind, ms: Math.min(ms, LONGEST_TIMER_MS) }];
