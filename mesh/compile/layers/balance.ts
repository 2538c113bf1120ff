import type { Balance, HashKey, Strategy } from "../../policies/balance.ts";
import type { EjectionPolicy } from "../../policies/ejection.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Backend, Policy } from "../../snapshot.ts";
import type { Found, Policies, Target } from "../policies.ts";

type LoadBalancing = Found<"loadBalancing">["value"];

/** What holds without a policy: docs/decisions/014-load-balancing.md. */
const BY_DEFAULT: Balance = { strategy: { kind: "peak-ewma" }, panic: 0.5, zones: true, slowStartMs: 0 };

/** For one endpoint there is nothing to choose, and no layer. `index` is that of `backend`. */
export function balanceLayer(
  policies: Policies,
  targets: readonly Target[],
  { name, endpoints }: Backend,
  index: number,
): Policy[] {
  if (endpoints.length <= 1) return [];
  const balancing = policies.section(targets, "loadBalancing");
  const ejection = policies.section(targets, "outlierEjection");
  // What one policy's thresholds make of an endpoint is nothing to another's.
  const by = [...new Set([balancing?.policy, ejection?.policy])].filter((policy) => policy !== undefined);
  return [
    {
      kind: "balance",
      backend: index,
      group: [name, ...by].join(" by "),
      ...(balancing ? balanceOf(balancing.value) : BY_DEFAULT),
      ...(ejection && { ejection: ejectionOf(ejection.value) }),
    },
  ];
}

const balanceOf = (section: LoadBalancing): Balance => ({
  strategy: strategyOf(section),
  panic: section.panicThreshold,
  zones: section.preferZone,
  slowStartMs: milliseconds(section.slowStart),
});

function strategyOf({ strategy, hash, maxLoadFactor }: LoadBalancing): Strategy {
  switch (strategy) {
    case "PeakEWMA":
      return { kind: "peak-ewma" };
    case "LeastRequest":
      return { kind: "least-request" };
    case "RoundRobin":
      return { kind: "round-robin" };
    case "Random":
      return { kind: "random" };
    case "ConsistentHash":
      // The schema has seen to the hash.
      return { kind: "hash", key: keyOf(hash!), ...(maxLoadFactor !== undefined && { bound: maxLoadFactor }) };
  }
}

function keyOf(hash: NonNullable<LoadBalancing["hash"]>): HashKey {
  switch (hash.type) {
    case "ClientAddress":
      return { kind: "address" };
    case "Header":
      return { kind: "header", name: hash.name.toLowerCase() };
    case "Cookie":
      return { kind: "cookie", name: hash.name };
    case "QueryParam":
      return { kind: "query", name: hash.name };
  }
}

const ejectionOf = ({
  failures,
  ejectFor,
  maxEjectFor,
  maxEjected,
  successRate,
}: Found<"outlierEjection">["value"]): EjectionPolicy => ({
  failures,
  ejectMs: milliseconds(ejectFor),
  maxEjectMs: milliseconds(maxEjectFor),
  maxEjected,
  ...(successRate && {
    successRate: {
      intervalMs: milliseconds(successRate.interval),
      leastEndpoints: successRate.minEndpoints,
      leastCalls: successRate.minRequests,
      deviations: successRate.stdevFactor,
    },
  }),
});
