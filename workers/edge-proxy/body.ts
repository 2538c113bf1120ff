import { type Call, Denied } from "./layer.ts";

/** In bytes. Where no policy says otherwise, larger bodies are sent once, to one place, and never held. */
export const LARGEST_COPY_BYTES = 64 * 1024;

/**
 * The request's body once more, to be read when it is needed; undefined where there can be no copy: the body is larger than
 * `largest` bytes, or does not say how large it is. The first sending is not delayed: it streams as without a copy.
 */
export function copyOfBody(call: Call, largest = LARGEST_COPY_BYTES): (() => Promise<ArrayBuffer | null>) | undefined {
  const { body } = call;
  if (body === null || body instanceof ArrayBuffer) return () => Promise.resolve(body);
  const length = call.request.headers.get("content-length");
  if (length === null || Number(length) > largest) return undefined;
  const [sent, kept] = body.tee();
  call.body = sent;
  return async () => {
    const whole = await new Response(kept).arrayBuffer();
    // A branch of a body that broke off ends like one that is whole; sent again, the part would be taken for all of it.
    if (whole.byteLength !== Number(length)) throw new Denied({ cause: "request-broken" });
    return whole;
  };
}
