import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

export function adaptiveConcurrencyLayer(policies: Policies, targets: readonly Target[], backend: string): Policy[] {
  const found = policies.section(targets, "adaptiveConcurrency");
  if (!found) return [];
  const { minLimit, maxLimit, tolerance, measureEvery } = found.value;
  // What one policy's thresholds have made of a backend is nothing to another's.
  const name = `${backend} by ${found.policy}`;
  const measureEveryMs = milliseconds(measureEvery);
  return [{ kind: "adaptive-concurrency", name, least: minLimit, most: maxLimit, tolerance, measureEveryMs }];
}
