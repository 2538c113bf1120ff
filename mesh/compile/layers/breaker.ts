import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

/** Two policies over one backend are two circuits: each would otherwise open and close by the other's thresholds. */
export function breakerLayer(policies: Policies, targets: readonly Target[], backend: string): Policy[] {
  const found = policies.section(targets, "breaker");
  if (!found) return [];
  const { failures, failureRatio, window, openFor, maxOpenFor, probes } = found.value;
  return [
    {
      kind: "breaker",
      circuit: `${backend} by ${found.policy}`,
      failures,
      failureRatio,
      windowMs: milliseconds(window),
      openMs: milliseconds(openFor),
      maxOpenMs: milliseconds(maxOpenFor),
      probes,
    },
  ];
}
