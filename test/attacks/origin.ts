/** An origin that takes down every request as it came, and answers with an echo of it, or as the case file says of the path. */
import { createServer, type Server, type Socket } from "node:net";
import { pause } from "../support/mesh.ts";
import { chunkedBody, type Field, headOf, valuesOf } from "./bytes.ts";
import type { Behaviour, CaseFile } from "./case.ts";

export type Recorded = {
  readonly origin: string;
  readonly method: string;
  readonly target: string;
  readonly fields: readonly Field[];
  readonly malformed: readonly string[];
  readonly body: string;
  readonly at: number;
};

const BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

export class Origin {
  requests: Recorded[] = [];
  /** What could not be read as a request. */
  garbage: string[] = [];
  readonly #name: string;
  readonly #behaviours: CaseFile["origins"]["behaviours"];
  readonly #server: Server;

  constructor(name: string, behaviours: CaseFile["origins"]["behaviours"]) {
    this.#name = name;
    this.#behaviours = behaviours;
    this.#server = createServer((socket) => new Connection(this, socket));
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => this.#server.once("error", reject).listen(port, "127.0.0.1", resolve));
  }

  close(): void {
    this.#server.close();
  }

  forget(): void {
    this.requests = [];
    this.garbage = [];
  }

  get name(): string {
    return this.#name;
  }

  behaviourAt(target: string): Behaviour | undefined {
    const name = /^\/o\/([\w-]+)/.exec(target)?.[1];
    return name !== undefined && Object.hasOwn(this.#behaviours, name) ? this.#behaviours[name] : undefined;
  }
}

/** Requests of a connection are read and answered one after the other. */
class Connection {
  readonly #origin: Origin;
  readonly #socket: Socket;
  #text = "";
  #busy = false;
  #done = false;

  constructor(origin: Origin, socket: Socket) {
    this.#origin = origin;
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      this.#text += data.toString("latin1");
      if (!this.#busy) void this.#answerAll();
    });
  }

  async #answerAll(): Promise<void> {
    this.#busy = true;
    while (!this.#done && (await this.#answerOne()));
    this.#busy = false;
  }

  /** False when there is nothing more to answer yet. */
  async #answerOne(): Promise<boolean> {
    const head = headOf(this.#text);
    if (!head) return false;
    const [, method, target] = /^([!#$%&'*+.^`|~\w-]+) (\S+) HTTP\/1\.[01]$/.exec(head.line) ?? [];
    if (method === undefined || target === undefined) return this.#unreadable(this.#text);
    const { fields, malformed } = head;
    const behaviour = this.#origin.behaviourAt(target);
    const request = (body: string): Recorded => ({
      origin: this.#origin.name,
      method,
      target,
      fields,
      malformed,
      body,
      at: Date.now(),
    });
    const body = this.#body(head.end, fields);
    if (body === "malformed") {
      this.#origin.requests.push(request(""));
      return this.#unreadable(this.#text.slice(head.end));
    }
    if (body === "part") {
      if (!behaviour?.early) return false;
      this.#origin.requests.push(request(""));
      this.#done = true;
    } else {
      this.#text = this.#text.slice(body.end);
      this.#origin.requests.push(request(body.body));
    }
    await (behaviour ? this.#behave(behaviour) : this.#echo(this.#origin.requests.at(-1)!)); // pushed just now
    return true;
  }

  #body(start: number, fields: readonly Field[]) {
    if (valuesOf(fields, "transfer-encoding").length > 0) {
      const chunked = chunkedBody(this.#text, start);
      return chunked.kind === "whole" ? chunked : chunked.kind;
    }
    const end = start + Number(valuesOf(fields, "content-length")[0] ?? 0);
    return this.#text.length < end ? "part" : { body: this.#text.slice(start, end), end };
  }

  #unreadable(text: string): false {
    this.#origin.garbage.push(text.slice(0, 200));
    this.#done = true;
    this.#socket.end(BAD_REQUEST);
    return false;
  }

  async #behave({ raw, parts = [{ ...(raw !== undefined && { raw }) }], end }: Behaviour): Promise<void> {
    for (const part of parts) {
      await pause(part.pause ?? 0);
      this.#write(part.raw ?? "");
      for (let left = part.repeat?.n ?? 0; left > 0; left--) this.#write(part.repeat!.raw); // counted from it
    }
    if (end === undefined) return;
    this.#done = true;
    if (end === "close") this.#socket.end();
    else this.#socket.resetAndDestroy();
  }

  async #echo({ method, target, fields, body }: Recorded): Promise<void> {
    if (valuesOf(fields, "upgrade").some((one) => one.toLowerCase() === "websocket") && !isWebSocket13(fields)) {
      this.#write("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const text = JSON.stringify({ origin: this.#origin.name, method, target, headers: fields, body });
    const length = Buffer.byteLength(text);
    this.#socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Origin: ${this.#origin.name}\r\nContent-Length: ${length}\r\n\r\n`,
    );
    if (method !== "HEAD") this.#socket.write(text);
    return Promise.resolve();
  }

  #write(text: string): void {
    if (text !== "") this.#socket.write(Buffer.from(text, "latin1"));
  }
}

const isWebSocket13 = (fields: readonly Field[]): boolean => valuesOf(fields, "sec-websocket-version").includes("13");
