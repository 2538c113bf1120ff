/** The time of a whole call, and of each of its tries. A route's own timeout goes before a policy's. */
import type { RouteRule } from "../../resources/http-route.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

export const routeDeadline = (policies: Policies, rule: RouteRule, targets: readonly Target[]): Policy[] =>
  rule.timeouts?.request === undefined
    ? policyDeadline(policies, targets)
    : timer("deadline", timerMs(rule.timeouts.request));

export const policyDeadline = (policies: Policies, targets: readonly Target[]): Policy[] =>
  timer("deadline", timerMs(policies.section(targets, "timeouts")?.value.request));

/** What bounds each try and its response: the rule's own time for a try, the rest by the most specific policy. */
export function tryTimeouts(policies: Policies, rule: RouteRule | undefined, targets: readonly Target[]): Policy[] {
  const found = policies.section(targets, "timeouts")?.value ?? {};
  const { firstByte, idle, body } = found;
  const oneTry = rule?.timeouts?.backendRequest ?? found.try;
  const idleMs = timerMs(idle);
  const ms = timerMs(body);
  return [
    ...timer("try-timeout", timerMs(oneTry)),
    ...timer("first-byte", timerMs(firstByte)),
    ...(idleMs + ms > 0
      ? [{ kind: "body-timeout", ...(idleMs > 0 && { idleMs }), ...(ms > 0 && { ms }) } as const]
      : []),
  ];
}

/** A runtime's timer holds 31 bits; a longer one would go off at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `0s` switches a timeout off. */
const timerMs = (text: string | undefined): number =>
  text === undefined ? 0 : Math.min(milliseconds(text), LONGEST_TIMER_MS);

const timer = (kind: "deadline" | "try-timeout" | "first-byte", ms: number): Policy[] =>
  ms === 0 ? [] : [{ kind, ms }];
