/** Random ids as text. One call of the generator fills a pool for many requests: it costs more than all that is done with its bytes. */
const pool = new Uint8Array(4096);
let used = pool.length;
const DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** `bytes` random bytes in lower-case hexadecimal. Not in global scope, where nothing random is to be had. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = "";
  for (const end = used + bytes; used < end; used++) text += DIGITS[pool[used]!]!; // a byte has its digits
  return text;
}
