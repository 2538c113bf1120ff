import { isRepeatable, retryWait, type Try } from "../../../mesh/policies/retry.ts";
import { copyOfBody } from "../body.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";

/**
 * Gateway API's HTTPRouteRetry. Each try is drawn an endpoint of its own, and has a time of its own if the rule gives one. The
 * layers above see one call: its last try's response or denial. A request whose body cannot be sent again is tried once.
 */
export const retry: MakeLayer<"retry"> = (policy) => (next) => async (call) => {
  if (!isRepeatable(call.request.method)) return next(call);
  const copy = copyOfBody(call);
  if (!copy) return next(call);
  // What a try leaves behind must not bind the next.
  const { signal, place, deadline } = call;
  for (let retries = 0; ; retries++) {
    const tried = await attempt(next, call);
    const result: Try = tried instanceof Denied ? tried.denial : tried;
    const waitMs = isOver(call, signal) ? undefined : retryWait(policy, retries, result, call.outside.random());
    if (waitMs === undefined) return settled(tried, retries);
    if (tried instanceof Response) await tried.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    // The caller or the deadline above has answered meanwhile; nobody hears this.
    if (isOver(call, signal)) return settled(tried, retries);
    call.signal = signal;
    call.place = place;
    call.deadline = deadline;
    if (call.body instanceof ReadableStream) call.body = await copy();
    call.attempts = retries + 2;
  }
};

async function attempt(next: Handler, call: Call): Promise<Response | Denied> {
  try {
    return await next(call);
  } catch (error) {
    if (error instanceof Denied) return error;
    throw error;
  }
}

const isOver = (call: Call, signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true || call.request.signal.aborted;

function settled(tried: Response | Denied, retries: number): Response {
  if (tried instanceof Response) return tried;
  const { cause } = tried.denial;
  const unreached = cause === "upstream-unreachable" || cause === "upstream-invalid";
  throw retries > 0 && unreached ? new Denied({ cause: "retries-exhausted" }) : tried;
}
