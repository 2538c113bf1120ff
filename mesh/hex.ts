/** Bytes as lower-case hexadecimal, as snapshots and stored bodies are named. */
export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
