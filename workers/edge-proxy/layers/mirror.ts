import type { Backend } from "../../../mesh/snapshot.ts";
import { copyOfBody } from "../body.ts";
import type { Call, MakeLayer } from "../layer.ts";
import { upstream } from "../upstream.ts";

/** Below the 30 s that a runtime gives to what outlives its response. */
const MIRROR_MS = 15_000;

/**
 * Gateway API's HTTPRequestMirrorFilter: a share of the requests goes to a second backend too, as they are at this point of
 * the stack. What it answers is nobody's, and how long it takes is its own business. A body that cannot be copied is not
 * mirrored, and neither is a WebSocket.
 */
export const mirror =
  (backends: readonly Backend[]): MakeLayer<"mirror"> =>
  ({ backend, share }) => {
    const send = upstream(backends[backend]!); // decode proved the index
    return (next) => (call) => {
      if (!call.unmirrored.includes(backend) && call.outside.random() < share && !call.headers.has("upgrade")) {
        const body = copyOfBody(call);
        if (body) call.outside.later(sendCopy(call, body, send));
      }
      return next(call);
    };
  };

/** Never fails. */
async function sendCopy(
  call: Call,
  body: () => Promise<ArrayBuffer | null>,
  send: (call: Call) => Promise<Response>,
): Promise<void> {
  const expiry = new AbortController();
  const timer = setTimeout(() => expiry.abort(), MIRROR_MS);
  // Taken before the call goes on: the layers below change it for their own backend.
  const copy: Call = {
    ...call,
    headers: new Headers(call.headers),
    place: {},
    signal: expiry.signal,
    progress: { sent: false },
  };
  try {
    const response = await send({ ...copy, body: await body() });
    await response.body?.cancel();
  } catch {
    // The mirror's failure is the mirror's; nobody waits for it.
  } finally {
    clearTimeout(timer);
  }
}
