import type { BreakerPolicy } from "../../policies/breaker.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Backend, Policy } from "../../snapshot.ts";
import type { Found, Policies, Target } from "../policies.ts";

/**
 * Two policies over one backend are two circuits: each would otherwise open and close by the other's thresholds. `index` is
 * that of `backend`; `rule` names the rule that leads there.
 */
export function breakerLayer(
  policies: Policies,
  targets: readonly Target[],
  backend: Backend,
  index: number,
  rule: string,
): Policy[] {
  const found = policies.section(targets, "breaker");
  if (!found) return [];
  const circuit = `${backend.name} by ${found.policy}`;
  const policy = breakerOf(found.value);
  switch (found.value.scope) {
    case "Backend":
      return [{ kind: "breaker", circuit, ...policy }];
    case "Route":
      return [{ kind: "breaker", circuit: `${circuit} for ${rule}`, ...policy }];
    case "Endpoint":
      // One endpoint is its backend, and is not drawn.
      return backend.endpoints.length > 1
        ? [{ kind: "endpoint-breaker", circuit, backend: index, ...policy }]
        : [{ kind: "breaker", circuit, ...policy }];
  }
}

function breakerOf(section: Found<"breaker">["value"]): BreakerPolicy {
  const { failures, failureRatio, probes, slowCallThreshold, slowCallRatio = 0.5 } = section;
  const rampMs = milliseconds(section.rampFor);
  return {
    failures,
    failureRatio,
    windowMs: milliseconds(section.window),
    openMs: milliseconds(section.openFor),
    maxOpenMs: milliseconds(section.maxOpenFor),
    probes,
    ...(rampMs > 0 && { rampMs }),
    ...(slowCallThreshold !== undefined && { slow: { ms: milliseconds(slowCallThreshold), ratio: slowCallRatio } }),
  };
}
