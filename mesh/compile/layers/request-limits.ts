import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

export function requestLimitsLayer(policies: Policies, targets: readonly Target[]): Policy[] {
  const found = policies.section(targets, "requestLimits");
  if (!found) return [];
  const { bodyIdle, bodyTime, ...sizes } = found.value;
  return [
    {
      kind: "request-limits",
      ...sizes,
      ...(bodyIdle !== undefined && { bodyIdleMs: timerMs(bodyIdle) }),
      ...(bodyTime !== undefined && { bodyMs: timerMs(bodyTime) }),
    },
  ];
}

const timerMs = (text: string): number => Math.min(milliseconds(text), LONGEST_TIMER_MS);
