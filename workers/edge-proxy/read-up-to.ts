export type Read = {
  /** All of it, if there is no `rest`. */
  readonly bytes: Uint8Array;
  /** What was read and what follows, as one stream; only of a body that is longer than was allowed. */
  readonly rest?: ReadableStream;
};

/** The body as bytes, if it is no longer than `most`. Holds `most` bytes and one chunk. Fails as the body fails. */
export async function readUpTo(body: ReadableStream, most: number): Promise<Read> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  for (let length = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return { bytes: joined(chunks, length) };
    chunks.push(value);
    length += value.length;
    if (length > most) return { bytes: new Uint8Array(), rest: following(chunks, reader) };
  }
}

function following(chunks: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const first = chunks.shift();
      const { done, value } = first ? { done: false, value: first } : await reader.read();
      if (value) controller.enqueue(value);
      if (done) controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
