/**
 * What one isolate keeps between requests: plain data only. Streams, stubs and signals of one request are unusable in
 * another, and nothing here may be the only copy of anything that matters: an isolate can be gone after any request.
 */
export type Isolate = {
  /** Random, made in the first request: nothing random is to be had before it. */
  readonly id: string;
};
