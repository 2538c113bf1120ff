/** Which circuits a snapshot has: what breakers open and close and error budgets of faults open; what `selvedge breakers` shows and forces. */
import type { BreakerPolicy } from "./policies/breaker.ts";
import { addressOf, type Policy, type Snapshot } from "./snapshot.ts";

export type CircuitOf = {
  readonly kind: "breaker" | "fault-budget";
  /** Names the circuit's object. */
  readonly circuit: string;
  readonly policy: BreakerPolicy;
};

export const endpointCircuit = (circuit: string, address: string): string => `${circuit} at ${address}`;

/** Each circuit once, in the order of their names. */
export function circuitsOf({ rules, backends }: Snapshot): readonly CircuitOf[] {
  const found = new Map<string, CircuitOf>();
  for (const { backends: parts } of rules)
    for (const { layers } of parts)
      for (const layer of layers) {
        if (layer.kind === "breaker" || layer.kind === "fault-budget")
          found.set(layer.circuit, { kind: layer.kind, circuit: layer.circuit, policy: thresholdsOf(layer) });
        else if (layer.kind === "endpoint-breaker")
          for (const endpoint of backends[layer.backend]!.endpoints) {
            // compile made the index
            const circuit = endpointCircuit(layer.circuit, addressOf(endpoint));
            found.set(circuit, { kind: "breaker", circuit, policy: thresholdsOf(layer) });
          }
      }
  return [...found.values()].toSorted((a, b) => (a.circuit < b.circuit ? -1 : 1));
}

/** The policy alone, as it travels to the circuit's object. */
export function thresholdsOf(
  layer: Extract<Policy, { kind: "breaker" | "endpoint-breaker" | "fault-budget" }>,
): BreakerPolicy {
  const { failures, failureRatio, windowMs, openMs, maxOpenMs, probes, rampMs, slow } = layer;
  return {
    failures,
    failureRatio,
    windowMs,
    openMs,
    maxOpenMs,
    probes,
    ...(rampMs !== undefined && { rampMs }),
    ...(slow !== undefined && { slow }),
    // To end faults too early harms nobody.
    ...(layer.kind === "fault-budget" && { alone: true }),
  };
}
