/**
 * A request's body on its way upstream. When it breaks off at the caller's end, fetch fails as if the upstream had broken
 * the connection: without telling the two apart, a few malformed requests would open the breaker of a healthy backend. Telling takes
 * twice the time a byte, so that it begins with the first call with a body that failed, and ends some time after the last.
 */
import type { Call, Outside } from "./layer.ts";

export type SentBody = {
  readonly body: Call["body"];
  /** Aborts once the body broke off at the caller's end: the upstream must not take the part that it has for the whole. */
  readonly broken: AbortSignal | undefined;
};

/** What is held of a body at any time, in bytes. */
const CHUNK = 64 * 1024;

/** In milliseconds: longer than most breakers' windows, so that at most one failure in a window is in doubt. */
const WATCH_MS = 30_000;

/** A call with a body failed, by whoever's fault. */
export function watchBodies({ memory, now }: Outside): void {
  memory.watchBodiesUntil = now() + WATCH_MS;
}

/** The call's body, to be sent. Copying goes on beside the call. */
export function sentBody({ body, request, outside: { later, memory, now } }: Call): SentBody {
  // One that is held whole has come whole.
  if (!(body instanceof ReadableStream) || now() >= memory.watchBodiesUntil) return { body, broken: undefined };
  const length = Number(request.headers.get("content-length") ?? Infinity);
  // Of a known length, the upstream is told it as well.
  const passage = Number.isSafeInteger(length) ? new FixedLengthStream(length) : new IdentityTransformStream();
  const breaking = new AbortController();
  later(copy(body, passage.writable, breaking));
  return { body: passage.readable, broken: breaking.signal };
}

/** By hand: `pipeTo` does not tell which of the two ends failed, and ends the part that came like a whole. */
async function copy(body: ReadableStream, passage: WritableStream, breaking: AbortController): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = passage.getWriter();
  for (let buffer = new ArrayBuffer(CHUNK); ;) {
    let read: ReadableStreamReadResult<Uint8Array>;
    try {
      read = await reader.read(new Uint8Array(buffer));
    } catch {
      breaking.abort();
      return;
    }
    try {
      if (read.done) return await writer.close();
      await writer.write(read.value);
      buffer = read.value.buffer as ArrayBuffer;
    } catch {
      // The upstream wants no more of it. It may answer all the same, or else fetch fails by itself.
      return;
    }
  }
}
