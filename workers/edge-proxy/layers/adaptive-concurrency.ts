import { allowed, beginCall, endCall, type Ended, newLimiter } from "../../../mesh/policies/adaptive.ts";
import { type Call, Denied, type MakeLayer } from "../layer.ts";
import { remember } from "../memory.ts";
import { isGivenUp } from "../outcome.ts";

/** Calls end at any time: that there was no room says little of when there is some. */
const RETRY_AFTER_MS = 1000;

/**
 * Refuses calls that a backend could only queue. A call counts until its response's headers: how long its body takes is the caller's
 * doing as much as the backend's.
 */
export const adaptiveConcurrency: MakeLayer<"adaptive-concurrency"> = (policy) => (next) => async (call) => {
  const { memory, now } = call.outside;
  const began = now();
  const limiter = memory.limiters.get(policy.name) ?? remember(memory.limiters, policy.name, newLimiter(policy, began));
  if (call.step) call.step.facts.allowed = allowed(limiter, policy);
  if (!beginCall(limiter, policy, began))
    throw new Denied({ cause: "concurrency-limit", retryAfterMs: RETRY_AFTER_MS });
  let ended: Ended = "ignored";
  try {
    const response = await next(call);
    ended = byStatus(call, response.status);
    return response;
  } catch (error) {
    ended = byError(call, error);
    throw error;
  } finally {
    endCall(limiter, policy, ended, began, now());
  }
};

/** What fails in another way than for want of capacity may do so in no time at all, which says nothing of how long answers take. */
function byStatus(call: Call, status: number): Ended {
  if (isGivenUp(call)) return "ignored";
  if (status === 503 || status === 429) return "dropped";
  return status >= 500 ? "ignored" : "answered";
}

function byError(call: Call, error: unknown): Ended {
  if (isGivenUp(call)) return "ignored";
  // A deadline above ends the call by its signal, and one beneath by a denial.
  const late = error instanceof Denied ? error.denial.cause === "deadline-exceeded" : call.signal?.aborted;
  return late ? "dropped" : "ignored";
}
