/** What a Backend's healthCheck compiles to, and where it can do nothing. */
import type { HealthCheck } from "../policies/health-check.ts";
import { milliseconds } from "../resources/parts.ts";
import type { Item, Model } from "./model.ts";

/** Undefined where there is none, or none is made: of one endpoint nothing is to be decided. */
export function healthCheckOf(item: Item<"Backend">): HealthCheck | undefined {
  const { namespace, name } = item.metadata;
  const { healthCheck } = item.spec;
  if (!healthCheck || isAlone(item)) return undefined;
  const { path, interval, timeout, healthyThreshold, unhealthyThreshold, expectedStatuses, jitter } = healthCheck;
  return {
    object: `Backend/${namespace}/${name}`,
    path,
    intervalMs: milliseconds(interval),
    timeoutMs: milliseconds(timeout),
    healthyThreshold,
    unhealthyThreshold,
    statuses: expectedStatuses.map((text) => {
      const [first = 0, last = first] = String(text).split("-").map(Number);
      return [first, last];
    }),
    jitter,
  };
}

/** Checks are made by the state Worker, which is one for all edges and has none of their bindings. */
export function reportUncheckable(model: Model): void {
  for (const item of model.all("Backend")) {
    const { endpoints, healthCheck } = item.spec;
    if (!healthCheck) continue;
    endpoints.forEach(({ binding }, index) => {
      if (binding === undefined) return;
      const message =
        "an endpoint that is a binding is not checked, and counts as healthy: only edges have the binding";
      model.warn(
        item,
        "not-carried",
        `spec.endpoints[${index}].binding`,
        message,
        "give its url, or leave it to outlierEjection",
      );
    });
    if (isAlone(item)) {
      const message = "a backend's only endpoint is not checked: there is no other to go to";
      model.warn(item, "not-carried", "spec.healthCheck", message, "add an endpoint, or use a breaker");
    }
  }
}

const isAlone = ({ spec }: Item<"Backend">): boolean => spec.endpoints.filter(({ weight }) => weight > 0).length <= 1;
