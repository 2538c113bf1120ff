/** As much of HTTP/1.1 as it takes to count responses: where each one ends, and its status. */

type State =
  /** `text` is what has come of the head, or of a line. */
  | { readonly kind: "head"; readonly text: string }
  | { readonly kind: "body"; readonly left: number; readonly after: "done" | "chunk-end" }
  | { readonly kind: "chunk-size" | "chunk-end" | "trailer"; readonly text: string };

const HEAD: State = { kind: "head", text: "" };
const LONGEST_HEAD = 64 * 1024;

/** Fed the bytes of one connection, whatever their cuts. */
export class ResponseParser {
  #state: State = HEAD;
  #status = 0;
  #fields = "";

  /** Of the response that came last, as far as its head has: the value of a header field, given in lower case. */
  field(name: string): string | undefined {
    return new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, "i").exec(this.#fields)?.[1];
  }

  /** The statuses of the responses that these bytes complete. Throws on what is not HTTP/1.1, or has no length. */
  push(bytes: Buffer): number[] {
    const done: number[] = [];
    for (let at = 0; at < bytes.length;) {
      if (this.#state.kind === "body") {
        const { left, after } = this.#state;
        const taken = Math.min(left, bytes.length - at);
        at += taken;
        if (taken < left) this.#state = { kind: "body", left: left - taken, after };
        else if (after === "chunk-end") this.#state = { kind: "chunk-end", text: "" };
        else this.#finish(done);
      } else at = this.#text(bytes, at, done);
    }
    return done;
  }

  /** Takes text up to its end mark, or all that there is of it. Returns how far it came. */
  #text(bytes: Buffer, at: number, done: number[]): number {
    const { kind, text } = this.#state as Exclude<State, { kind: "body" }>;
    const mark = kind === "head" ? "\r\n\r\n" : "\r\n";
    // The mark can begin in what came before, by all of it but one byte.
    const overlap = text.slice(1 - mark.length);
    const from = text.length - overlap.length;
    const found =
      overlap === "" ? bytes.indexOf(mark, at, "latin1") - at : (overlap + bytes.toString("latin1", at)).indexOf(mark);
    if (found < 0) {
      const whole = text + bytes.toString("latin1", at);
      if (whole.length > LONGEST_HEAD) throw new Error("a head without end");
      this.#state = { kind, text: whole };
      return bytes.length;
    }
    const end = at + found - overlap.length;
    this.#ended(kind, end < at ? text.slice(0, from + found) : text + bytes.toString("latin1", at, end), done);
    return end + mark.length;
  }

  #ended(kind: "head" | "chunk-size" | "chunk-end" | "trailer", text: string, done: number[]): void {
    switch (kind) {
      case "head":
        return this.#head(text, done);
      case "chunk-size": {
        const size = /^[0-9a-f]+/i.exec(text);
        if (!size) throw new Error(`not a chunk's size: ${text}`);
        const left = Number.parseInt(size[0], 16);
        this.#state = left > 0 ? { kind: "body", left, after: "chunk-end" } : { kind: "trailer", text: "" };
        return;
      }
      case "chunk-end":
        if (text !== "") throw new Error("a chunk longer than it said");
        this.#state = { kind: "chunk-size", text: "" };
        return;
      case "trailer":
        if (text === "") this.#finish(done);
        else this.#state = { kind: "trailer", text: "" };
    }
  }

  #head(head: string, done: number[]): void {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
    if (status === undefined) throw new Error(`not a response: ${head.slice(0, 40)}`);
    this.#status = Number(status);
    this.#fields = head;
    if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(head)) {
      this.#state = { kind: "chunk-size", text: "" };
      return;
    }
    const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1];
    const bodiless = this.#status === 204 || this.#status === 304;
    if (length === undefined && !bodiless) throw new Error("a response of unknown length");
    const left = bodiless ? 0 : Number(length);
    if (left === 0) this.#finish(done);
    else this.#state = { kind: "body", left, after: "done" };
  }

  #finish(done: number[]): void {
    done.push(this.#status);
    this.#state = HEAD;
  }
}
