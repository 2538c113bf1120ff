import { MESH_HEADERS } from "../../../mesh/headers.ts";
import { draw, type Fault, type FaultKind, isMeant } from "../../../mesh/policies/fault.ts";
import { type Call, Denied, type MakeLayer } from "../layer.ts";
import { passedOn } from "../passage.ts";

/**
 * Faults on purpose, beneath the retries: what stands above meets them as it would meet an upstream's own. The answer says in
 * `selvedge-fault` what was done to the call, whatever became of it.
 */
export const fault: MakeLayer<"fault"> = (policy) => (next) => async (call) => {
  const { now, random } = call.outside;
  const meant = call.faulty && isMeant(policy, (name) => call.request.headers.get(name), call.identity?.spiffe, now());
  const met = meant ? draw(policy, random) : [];
  if (met.length === 0) return next(call);
  say(call, met);
  const { delay, abort } = policy;
  if (delay && met.includes("delay")) {
    await new Promise((resolve) => setTimeout(resolve, delay.ms));
    // Whoever waited for this has been answered.
    if (call.signal?.aborted) throw call.signal.reason;
  }
  if (met.includes("reset")) throw new Denied({ cause: "upstream-unreachable" });
  if (abort && met.includes("abort")) return new Response(null, { status: abort.status });
  return spoilt(await next(call), policy, met);
};

function say(call: Call, met: readonly FaultKind[]): void {
  const before = call.onAnswer;
  call.onAnswer = (headers) => {
    before?.(headers);
    headers.append(MESH_HEADERS.fault, met.join(", "));
  };
}

/** The response with its body slowed down, cut off, or both. */
function spoilt(response: Response, { bandwidth, truncate }: Fault, met: readonly FaultKind[]): Response {
  const slow = met.includes("bandwidth") ? bandwidth : undefined;
  let left = met.includes("truncate") && truncate ? truncate.afterBytes : Infinity;
  if (response.body === null || (!slow && left === Infinity)) return response;
  const reader = response.body.getReader();
  return passedOn(response, reader, async () => {
    if (left <= 0) throw new Error("cut off on purpose");
    const { done, value } = await reader.read();
    if (done) return { done, value };
    const part = value.subarray(0, left);
    left -= part.length;
    if (slow) await new Promise((resolve) => setTimeout(resolve, (part.length / slow.bytesPerSecond) * 1000));
    return { done, value: part };
  });
}
