/** HTTP/1.1 as bytes, read strictly: what does not parse is itself what a case may be about. */
export type Field = readonly [name: string, value: string];
export type Head = {
  readonly line: string;
  readonly fields: readonly Field[];
  /** Lines that are no header field, or bytes that no head may hold. */
  readonly malformed: readonly string[];
  /** Where the body begins. */
  readonly end: number;
};

/** Undefined while the head has not ended. */
export function headOf(text: string): Head | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line = "", ...rest] = text.slice(0, end).split("\r\n");
  const fields: Field[] = [];
  const malformed: string[] = [];
  for (const one of rest) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^]*?)[ \t]*$/.exec(one) ?? [];
    if (name === undefined || value === undefined || /[\r\n\0]/.test(one)) malformed.push(one);
    else fields.push([name, value]);
  }
  return { line, fields, malformed, end: end + 4 };
}

export const valuesOf = (fields: readonly Field[], name: string): string[] =>
  fields.flatMap(([one, value]) => (one.toLowerCase() === name.toLowerCase() ? value : []));

export type Chunked =
  | { readonly kind: "whole"; readonly body: string; readonly end: number }
  | { readonly kind: "part" }
  | { readonly kind: "malformed" };

/** A chunked body (RFC 9112 §7.1) that begins at `start`, trailers included. */
export function chunkedBody(text: string, start: number): Chunked {
  let body = "";
  for (let at = start; ;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return { kind: "part" };
    const size = /^([\da-f]{1,12})[ \t]*(?:;[^\r\n]*)?$/i.exec(text.slice(at, lineEnd))?.[1];
    if (size === undefined) return { kind: "malformed" };
    const length = Number.parseInt(size, 16);
    const data = lineEnd + 2;
    if (length === 0) {
      // The last chunk ends like a head: trailers, then an empty line.
      if (text.startsWith("\r\n", data)) return { kind: "whole", body, end: data + 2 };
      const end = text.indexOf("\r\n\r\n", data);
      return end < 0 ? { kind: "part" } : { kind: "whole", body, end: end + 4 };
    }
    if (text.length < data + length + 2) return { kind: "part" };
    if (!text.startsWith("\r\n", data + length)) return { kind: "malformed" };
    body += text.slice(data, data + length);
    at = data + length + 2;
  }
}

export type Response = {
  /** 0 for bytes that are no response. */
  readonly status: number;
  readonly fields: readonly Field[];
  readonly malformed: readonly string[];
  readonly body: string;
  readonly complete: boolean;
};

/** The responses in what came on a connection. `method` is that of the first request; `closed` says that no more will come. */
export function responsesIn(text: string, method: string, closed: boolean): Response[] {
  const found: Response[] = [];
  for (let rest = text; rest !== "";) {
    const head = headOf(rest);
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(head?.line ?? "")?.[1] ?? 0);
    if (!head || status === 0) {
      found.push({ status: 0, fields: [], malformed: [rest.slice(0, 100)], body: "", complete: false });
      break;
    }
    const { fields, malformed } = head;
    const isHead = method === "HEAD" && !found.some((one) => one.status >= 200);
    const { body, complete, end } = bodyOf(
      rest,
      head,
      status < 200 || status === 204 || status === 304 || isHead,
      closed,
    );
    found.push({ status, fields, malformed, body, complete });
    if (status === 101) break;
    rest = rest.slice(end);
  }
  return found;
}

function bodyOf(text: string, { fields, end: start }: Head, bodiless: boolean, closed: boolean) {
  if (bodiless) return { body: "", complete: true, end: start };
  if (valuesOf(fields, "transfer-encoding").length > 0) {
    const chunked = chunkedBody(text, start);
    return chunked.kind === "whole"
      ? { body: chunked.body, complete: true, end: chunked.end }
      : { body: text.slice(start), complete: false, end: text.length };
  }
  const [length] = valuesOf(fields, "content-length");
  if (length === undefined) return { body: text.slice(start), complete: closed, end: text.length };
  const end = start + Number(length);
  return { body: text.slice(start, end), complete: text.length >= end, end: Math.min(end, text.length) };
}
