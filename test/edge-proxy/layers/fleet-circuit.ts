import type { BreakerReply, BreakerReport, ProbeRequest } from "../../../durable-objects/breaker.ts";
import { type BreakerPolicy, describe as told, probe, settle } from "../../../mesh/policies/breaker.ts";
import { callersOf, hear, NOTHING_HEARD, onceMs } from "../../../mesh/policies/fleet-circuit.ts";

export type FakeCircuit = ReturnType<typeof fleetCircuit>;

/** The fleet's circuit without its object. */
export function fleetCircuit(policy: BreakerPolicy) {
  let circuit = NOTHING_HEARD;
  let version = 0;
  const reply = (): BreakerReply => {
    const ms = onceMs(circuit, policy, Date.now());
    return { ...told(circuit.breaker, ++version, policy, Date.now()), epoch: 3, ...(ms > 0 && { onceMs: ms }) };
  };
  return {
    kind: () => circuit.breaker.kind,
    callers: () => callersOf(circuit, Date.now()),
    report: async ({ isolate, settled, ...word }: BreakerReport) => {
      const { breaker } = circuit;
      const back = settled ? settle(breaker, settled.permit, settled.outcome, policy, Date.now()) : breaker;
      circuit = hear({ ...circuit, breaker: back }, { ...word, source: isolate }, policy, Date.now());
      return reply();
    },
    probe: async ({ permit, ttlMs }: ProbeRequest) => {
      const step = probe(circuit.breaker, permit, ttlMs, policy, Date.now());
      circuit = { ...circuit, breaker: step.state };
      return { ...reply(), granted: step.granted };
    },
  };
}
