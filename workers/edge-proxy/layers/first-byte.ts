import { type Call, Denied, type MakeLayer } from "../layer.ts";
import { passedOn } from "../passage.ts";
import { deadline } from "./deadline.ts";

/**
 * A try counts as answered once the first byte of its body is there, or the body turned out to be empty: an upstream that sends its headers
 * at once and then hangs is met by the retries. Until then the headers wait here.
 */
export const firstByte: MakeLayer<"first-byte"> = ({ ms }) => {
  const bounded = deadline({ ms });
  return (next) => bounded(async (call) => begun(await next(call), call));
};

async function begun(response: Response, call: Call): Promise<Response> {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  let first: ReadableStreamReadResult<Uint8Array> | undefined;
  try {
    first = await reader.read();
  } catch {
    throw new Denied({ cause: call.signal?.aborted ? "deadline-exceeded" : "upstream-unreachable" });
  }
  return passedOn(response, reader, () => {
    const held = first;
    first = undefined;
    return held ? Promise.resolve(held) : reader.read();
  });
}
