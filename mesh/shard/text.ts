/**
 * Text as bytes: ASCII as it is, so that a path is compared where it lies; any other UTF-16 unit as MARK and two bytes. Unlike UTF-8
 * it needs no runtime's help, and gives back every string there is.
 */
const MARK = 0x80;

export function textBytes(text: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < MARK) bytes.push(unit);
    else bytes.push(MARK, unit >> 8, unit & 0xff);
  }
  return bytes;
}

/** So many arguments fit on any stack. */
const AT_ONCE = 4096;
const OTHER_THAN_ASCII = /[\x80-\xff]/;

/** What `textBytes` made. Bytes that it would not make give some text or other, never an error. */
export function textFrom(bytes: Uint8Array): string {
  // By what the engine brings compiled: an isolate that has just begun would interpret a loop, and then wait for its compilation.
  let ascii = "";
  for (let at = 0; at < bytes.length; at += AT_ONCE)
    ascii += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + AT_ONCE));
  return OTHER_THAN_ASCII.test(ascii) ? decoded(bytes) : ascii;
}

function decoded(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!; // within the length, here and below
    if (byte < MARK) text += String.fromCharCode(byte);
    else text += String.fromCharCode(((bytes[++at] ?? 0) << 8) | (bytes[++at] ?? 0));
  }
  return text;
}

/** Whether the bytes from `begin` to `end` are the first `length` units of `given`. Other than ASCII equals nothing: hosts and paths come in ASCII. */
export function isText(bytes: Uint8Array, begin: number, end: number, given: string, length: number): boolean {
  if (end - begin !== length) return false;
  for (let at = 0; at < length; at++) {
    const unit = given.charCodeAt(at);
    if (unit >= MARK || unit !== bytes[begin + at]) return false;
  }
  return true;
}
