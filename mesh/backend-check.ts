/** Whether this edge can call what a snapshot names as backends. */
import { isRecord } from "./canonical.ts";
import { check, isPositive } from "./check.ts";
import type { Backend } from "./snapshot.ts";

/** The backends as such. Throws an Error if one is none. */
export function checkBackends(backends: readonly unknown[]): readonly Backend[] {
  for (const backend of backends) {
    check(isRecord(backend) && typeof backend.name === "string" && Array.isArray(backend.endpoints), "a backend");
    for (const endpoint of backend.endpoints) check(isEndpoint(endpoint), "an endpoint");
    check(backend.health === undefined || isHealthCheck(backend.health), "a health check");
  }
  return backends as readonly Backend[];
}

function isHealthCheck(health: unknown): boolean {
  if (!isRecord(health)) return false;
  const { object, path, intervalMs, timeoutMs, healthyThreshold, unhealthyThreshold, statuses, jitter } = health;
  return (
    [object, path].every((text) => typeof text === "string") &&
    [intervalMs, timeoutMs, healthyThreshold, unhealthyThreshold].every(isPositive) &&
    Array.isArray(statuses) &&
    statuses.every((range) => Array.isArray(range) && range.length === 2 && range.every(isPositive)) &&
    (jitter === 0 || isPositive(jitter))
  );
}

function isEndpoint(endpoint: unknown): boolean {
  if (!isRecord(endpoint) || !isPositive(endpoint.weight)) return false;
  const { zone, priority } = endpoint;
  if (zone !== undefined && typeof zone !== "string") return false;
  if (priority !== undefined && priority !== 0 && !isPositive(priority)) return false;
  if (endpoint.kind === "binding") return typeof endpoint.binding === "string";
  return endpoint.kind === "url" && typeof endpoint.origin === "string" && typeof endpoint.path === "string";
}
