const DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const POOL_BYTES = 4096;

/**
 * Makes what gives so many random bytes in lower-case hexadecimal. One call of the generator fills a pool for many requests: it
 * costs more than all that is done with its bytes.
 */
export function randomHex(): (bytes: number) => string {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return (bytes) => {
    if (used + bytes > POOL_BYTES) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    let text = "";
    for (const end = used + bytes; used < end; used++) text += DIGITS[pool[used]!]!; // a byte has its digits
    return text;
  };
}
