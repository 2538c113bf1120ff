import { MESH_HEADERS } from "../../../mesh/headers.ts";
import type { Backend } from "../../../mesh/snapshot.ts";
import { copyOfBody } from "../body.ts";
import type { Call, MakeLayer } from "../layer.ts";
import { compareLater } from "../mirror-compare.ts";
import { upstream } from "../upstream.ts";

/** Below the 30 s that a runtime gives to what outlives its response. */
const MIRROR_MS = 15_000;

/**
 * Gateway API's HTTPRequestMirrorFilter: a share of the requests goes to a second backend too, as they are at this point of
 * the stack. What it answers is the caller's in no case: it is thrown away or, where a policy wants it, compared with the primary's. How long it takes is
 * its own business. A body that cannot be copied is not mirrored, and neither is a WebSocket.
 */
export const mirror =
  (backends: readonly Backend[]): MakeLayer<"mirror"> =>
  ({ backend, share, compare }) => {
    const to = backends[backend]!; // decode proved the index
    const send = upstream(to);
    return (next) => (call) => {
      if (call.unmirrored.includes(backend) || call.outside.random() >= share || call.headers.has("upgrade"))
        return next(call);
      const body = copyOfBody(call);
      if (!body) return next(call);
      if (!compare) {
        call.outside.later(sendCopy(call, body, send, async (response) => response.body?.cancel()).catch(() => {}));
        return next(call);
      }
      // Sent before the call goes on, and judged when it has its answer.
      const copy = <T>(read: (response: Response) => Promise<T>) => sendCopy(call, body, send, read);
      return compareLater(next, call, { compare, mirror: to.name }, copy);
    };
  };

/** What `read` makes of the mirror's answer, within the mirror's time. Fails as the mirror does. */
async function sendCopy<T>(
  call: Call,
  body: () => Promise<ArrayBuffer | null>,
  send: (call: Call) => Promise<Response>,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const expiry = new AbortController();
  const timer = setTimeout(() => expiry.abort(), MIRROR_MS);
  // Taken before the call goes on: the layers below change it for their own backend.
  const copy: Call = {
    ...call,
    headers: new Headers(call.headers),
    signed: false,
    place: {},
    signal: expiry.signal,
    progress: { sent: false },
    recording: undefined,
    step: undefined,
  };
  // Made for the primary service alone: whoever has it could show it there.
  copy.headers.delete(MESH_HEADERS.caller);
  try {
    return await read(await send({ ...copy, body: await body() }));
  } finally {
    clearTimeout(timer);
  }
}
