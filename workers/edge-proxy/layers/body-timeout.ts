import type { MakeLayer } from "../layer.ts";
import { passedOn } from "../passage.ts";
import { within } from "../within.ts";

/** Cuts off a body that stalls or does not end in time. The caller sees it broken, not whole: its headers are long gone. */
export const bodyTimeout: MakeLayer<"body-timeout"> =
  ({ idleMs = Infinity, ms = Infinity }) =>
  (next) =>
  async (call) => {
    const response = await next(call);
    if (response.body === null) return response;
    const { now } = call.outside;
    const end = now() + ms;
    const reader = response.body.getReader();
    return passedOn(response, reader, () => within(reader.read(), Math.min(idleMs, Math.max(0, end - now()))));
  };
