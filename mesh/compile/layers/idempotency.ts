import type { RouteRule } from "../../resources/http-route.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import { type Policies, type Target, titleOf } from "../policies.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/**
 * One policy holds for a rule, that of its most specific target, and it stands before the draw of a backend: kept for a backend, a
 * key would mean nothing to the next one that is drawn. A policy of a Service or Backend holds for rules that lead there and
 * have none of their own. `scope` names the route.
 */
export function idempotencyLayer(policies: Policies, targets: readonly Target[], scope: string): Policy[] {
  for (const target of targets.toReversed()) {
    const [policy] = policies.attached("IdempotencyPolicy", [target]);
    if (!policy) continue;
    const { spec } = policy;
    return [
      {
        kind: "idempotency",
        policy: titleOf(policy),
        shards: spec.shards,
        scope,
        header: spec.header.toLowerCase(),
        required: spec.mode === "Required",
        methods: spec.methods,
        caller: spec.callerHeaders.map((name) => name.toLowerCase()),
        unprocessed: spec.unprocessed,
        repeatable: spec.upstream === "Idempotent",
        executionMs: Math.min(milliseconds(spec.executionTimeout), LONGEST_TIMER_MS),
        retentionMs: milliseconds(spec.retention),
        maxRequestBytes: spec.maxRequest,
        maxResponseBytes: spec.maxResponse,
        onUnavailable: spec.onUnavailable,
      },
    ];
  }
  return [];
}

/** From the least specific to the most: Gateways and listeners, the rule's backends, then the route and the rule. */
export function targetsWithBackends(rule: RouteRule, namespace: string, targets: readonly Target[]): Target[] {
  const own = targets.findIndex(({ kind }) => kind === "HTTPRoute");
  const backends = rule.backendRefs.map((ref): Target => ({
    kind: ref.kind,
    namespace: ref.namespace ?? namespace,
    name: ref.name,
  }));
  // The first of them is asked first.
  return [...targets.slice(0, own), ...backends.toReversed(), ...targets.slice(own)];
}
