import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import { thresholdOf } from "../../telemetry/sampling.ts";
import type { Policies, Target } from "../policies.ts";

/** One policy holds for a rule, that of its most specific target. What is recorded is decided before a backend is drawn. */
export function telemetryLayer(policies: Policies, targets: readonly Target[]): Policy[] {
  for (const target of targets.toReversed()) {
    const [policy] = policies.attached("TelemetryPolicy", [target]);
    if (!policy) continue;
    const { samplingPercent, keepErrors, keepSlowerThan } = policy.spec.tracing;
    const threshold = thresholdOf(samplingPercent / 100);
    return [
      {
        kind: "telemetry",
        tracing: {
          ...(threshold !== undefined && { threshold }),
          keepErrors,
          ...(keepSlowerThan !== undefined && { keepSlowerMs: milliseconds(keepSlowerThan) }),
        },
      },
    ];
  }
  return [];
}
