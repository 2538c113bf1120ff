/**
 * A request's body on its way upstream. When it breaks off at the caller's end, fetch fails as if the upstream had broken
 * the connection: without telling the two apart, a few malformed requests would open the breaker of a healthy backend. Telling takes
 * twice the time a byte, so that it begins with the first call with a body that failed, and ends some time after the last. A body with limits of its own
 * is watched from the start.
 */
import type { RequestLimits } from "../../mesh/policies/request-limits.ts";
import { type Call, Denied, type Outside } from "./layer.ts";
import { TimeUp, within } from "./within.ts";

export type SentBody = {
  readonly body: Call["body"];
  /**
   * Aborts with a `Denied` once the body broke off at the caller's end or was refused: the upstream must not take the part that it has
   * for the whole. Undefined while nobody watches.
   */
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
export function sentBody(call: Call): SentBody {
  const { body, broken, outside } = call;
  // One that is held whole has come whole; one that is watched already need not be watched twice.
  if (!(body instanceof ReadableStream) || broken || outside.now() >= outside.memory.watchBodiesUntil)
    return { body, broken };
  const own = watched(call, body, {});
  return { body: own.passage, broken: own.broken };
}

/** In bytes; undefined where the request does not say. */
export function lengthOf({ headers }: Request): number | undefined {
  const length = Number(headers.get("content-length") ?? NaN);
  return Number.isSafeInteger(length) ? length : undefined;
}

type BodyLimits = Pick<RequestLimits, "bodyBytes" | "bodyIdleMs" | "bodyMs">;

/** `body` as it comes, within `limits`, and the signal that says that it broke off. */
export function watched(
  { request, outside: { later, now } }: Call,
  body: ReadableStream,
  limits: BodyLimits,
): { readonly passage: ReadableStream; readonly broken: AbortSignal } {
  const length = lengthOf(request);
  // Of a known length, the upstream is told it as well.
  const passage = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  const breaking = new AbortController();
  later(copy(body, passage.writable, breaking, limits, now));
  return { passage: passage.readable, broken: breaking.signal };
}

/** By hand: `pipeTo` does not tell which of the two ends failed, and ends the part that came like a whole. */
async function copy(
  body: ReadableStream,
  passage: WritableStream,
  breaking: AbortController,
  { bodyBytes = Infinity, bodyIdleMs = Infinity, bodyMs = Infinity }: BodyLimits,
  now: () => number,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = passage.getWriter();
  const breakOff = async (cause: "request-broken" | "body-too-large" | "body-too-slow"): Promise<void> => {
    const denied = new Denied({ cause });
    breaking.abort(denied);
    // Whoever reads it here, as a key's fingerprint is made, must not go on waiting.
    await Promise.allSettled([writer.abort(denied), reader.cancel(denied)]);
  };
  const until = now() + bodyMs;
  let bytes = 0;
  for (let buffer = new ArrayBuffer(CHUNK); ;) {
    let read: ReadableStreamReadResult<Uint8Array>;
    try {
      const reading = reader.read(new Uint8Array(buffer));
      const ms = Math.min(bodyIdleMs, until - now());
      read = await (ms === Infinity ? reading : within(reading, ms));
    } catch (error) {
      return breakOff(error instanceof TimeUp ? "body-too-slow" : "request-broken");
    }
    bytes += read.value?.byteLength ?? 0;
    if (bytes > bodyBytes) return breakOff("body-too-large");
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
