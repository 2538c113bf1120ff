import { cleanResponse } from "./forwarding.ts";

/** All together, in characters. */
const LARGEST_HEADERS = 32 * 1024;

/** Of an answer that is kept. Undefined when they are too many. Cookies are secrets of a session, and not kept with it. */
export function keptHeaders(from: Headers): readonly { readonly name: string; readonly value: string }[] | undefined {
  const headers = new Headers(from);
  cleanResponse(headers);
  headers.delete("set-cookie");
  headers.delete("content-length");
  const pairs = Array.from(headers, ([name, value]) => ({ name, value }));
  const size = pairs.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  return size > LARGEST_HEADERS ? undefined : pairs;
}
