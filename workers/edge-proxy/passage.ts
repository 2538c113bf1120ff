type Chunk = ReadableStreamReadResult<Uint8Array>;

/**
 * A response whose body is passed on chunk by chunk as the caller takes it: `read` gives the next one of `reader`'s. When it throws,
 * the body breaks off for the caller too, and the upstream is told that no more is wanted. Bodies that nobody needs to look at
 * stay streams of the runtime, which are several times faster.
 */
export function passedOn(
  response: Response,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  read: () => Promise<Chunk>,
): Response {
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(error);
        await reader.cancel().catch(() => {});
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const length = response.headers.get("content-length");
  // What was read is decoded, and is encoded once more on its way out: then the length is another.
  const same = length !== null && !response.headers.has("content-encoding");
  return new Response(same ? body.pipeThrough(new FixedLengthStream(Number(length))) : body, response);
}
