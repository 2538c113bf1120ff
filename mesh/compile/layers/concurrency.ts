import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

/** Two policies over one backend are two limits: each would otherwise lend by the other's number. */
export function concurrencyLayer(policies: Policies, targets: readonly Target[], backend: string): Policy[] {
  const found = policies.section(targets, "concurrency");
  if (!found) return [];
  const { limit, longestCall, onUnavailable } = found.value;
  const name = `${backend} by ${found.policy}`;
  return [{ kind: "concurrency", name, limit, longestCallMs: milliseconds(longestCall), onUnavailable }];
}
