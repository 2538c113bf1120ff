/** How large a request may be, and how slow its body. A limit that is absent does not hold. */
import type { Denial } from "../denial.ts";

export type RequestLimits = {
  /** Header fields; the runtime joins those of one name, which are one here. */
  readonly headers?: number | undefined;
  /** Of all header fields, as HTTP/1.1 writes them: `name: value` and the end of the line. */
  readonly headerBytes?: number | undefined;
  /** Of the path and the query together. */
  readonly urlBytes?: number | undefined;
  readonly bodyBytes?: number | undefined;
  /** The longest time without a byte of the body, in milliseconds. */
  readonly bodyIdleMs?: number | undefined;
  /** The longest time until the whole body is there, in milliseconds: one byte each `bodyIdleMs` would keep a request open for ever. */
  readonly bodyMs?: number | undefined;
};

/** `": "` and CRLF. */
const FIELD_OVERHEAD = 4;

/** `url` is absolute. Undefined if what is known before the body comes keeps within the limits. */
export function overLimits(
  { headers: most = Infinity, headerBytes = Infinity, urlBytes = Infinity, bodyBytes = Infinity }: RequestLimits,
  { url, headers }: { readonly url: string; readonly headers: Iterable<readonly [name: string, value: string]> },
): Denial | undefined {
  if (url.length - url.indexOf("/", url.indexOf("//") + 2) > urlBytes) return { cause: "url-too-long" };
  let count = 0;
  let bytes = 0;
  let length = 0;
  for (const [name, value] of headers) {
    count++;
    bytes += name.length + value.length + FIELD_OVERHEAD;
    if (count > most || bytes > headerBytes) return { cause: "headers-too-large" };
    if (name === "content-length") length = Number(value);
  }
  return length > bodyBytes ? { cause: "body-too-large" } : undefined;
}

/** Whether its body must be watched while it comes. One that has said its length cannot be longer: the runtime sees to that. */
export const watchesBody = ({ bodyBytes, bodyIdleMs, bodyMs }: RequestLimits, length: number | undefined): boolean =>
  bodyIdleMs !== undefined || bodyMs !== undefined || (bodyBytes !== undefined && length === undefined);
