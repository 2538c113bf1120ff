import { overLimits, watchesBody } from "../../../mesh/policies/request-limits.ts";
import { Denied, type MakeLayer } from "../layer.ts";
import { lengthOf, watched } from "../sent-body.ts";

/** Refuses a request that is too large by what its head says; one whose body turns out to be too large or too slow, when it does. */
export const requestLimits: MakeLayer<"request-limits"> = (limits) => (next) => async (call) => {
  const { request, body } = call;
  const denial = overLimits(limits, request);
  if (denial) throw new Denied(denial);
  if (!(body instanceof ReadableStream) || !watchesBody(limits, lengthOf(request))) return next(call);
  const { passage, broken } = watched(call, body, limits);
  call.body = passage;
  // Two of them, a route's and its backend's, watch one after the other.
  call.broken = call.broken ? AbortSignal.any([call.broken, broken]) : broken;
  try {
    return await next(call);
  } finally {
    // Whoever answered without it leaves nobody to read what is being copied.
    if (!passage.locked) void passage.cancel().catch(() => {});
  }
};
