import { answer } from "../../../mesh/denial.ts";
import type { Outcome } from "../../../mesh/outcome.ts";
import { type Call, Denied, type MakeLayer } from "../layer.ts";
import { isGivenUp } from "../outcome.ts";
import { circuitOf, count, forcedOf } from "./breaker.ts";

/**
 * Ends faults on purpose when callers suffer by them: it stands above the retries and counts what they could not mend. Its circuit is
 * the fleet's, so that what one isolate found out, the others hear with their next report. Held open by an operator, it ends the faults
 * as well; held closed, it lets them go on.
 */
export const faultBudget: MakeLayer<"fault-budget"> = (policy) => (next) => async (call) => {
  const circuit = circuitOf(call, policy);
  const forced = forcedOf(call.outside.memory, policy.circuit, call.outside.now());
  call.faulty = (forced?.to ?? circuit.view.kind) === "closed";
  if (forced || !call.faulty) return next(call);
  const began = call.outside.now();
  let outcome: Outcome = "ignored";
  try {
    const response = await next(call);
    outcome = outcomeFor(call, response.status);
    return response;
  } catch (error) {
    outcome = outcomeFor(call, error instanceof Denied ? answer(error.denial).status : 500);
    throw error;
  } finally {
    count(call, circuit, policy, outcome, began);
  }
};

const outcomeFor = (call: Call, status: number): Outcome =>
  isGivenUp(call) ? "ignored" : status >= 500 ? "failed" : "ok";
