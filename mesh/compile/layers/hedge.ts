import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/** `scope` names a rule and a backend of it. */
export function hedgeLayer(policies: Policies, targets: readonly Target[], scope: string): Policy[] {
  const section = policies.section(targets, "hedge")?.value;
  // A copy would be a second call on one permit.
  if (!section || policies.section(targets, "concurrency")) return [];
  const { percentile, minDelay, budgetPercent } = section;
  const leastMs = Math.min(milliseconds(minDelay), LONGEST_TIMER_MS);
  return [{ kind: "hedge", scope, percentile: percentile / 100, leastMs, share: budgetPercent / 100 }];
}
