/** A control plane of canned answers on loopback, which remembers what it was asked. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { ApiProblem } from "../../mesh/api.ts";

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
};
export type Answer = {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Leave the caller waiting. */
  readonly silent?: true;
};
/** By `GET /v1/history`, without the query. An answer may depend on the question and on how often it came. */
export type Script = Readonly<Record<string, Answer | ((asked: Asked) => Answer)>>;

export const TOKEN = "s3cret-token";

export class FakeControl implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #server;

  private constructor(script: Script) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const asked = {
          method: request.method ?? "",
          path: request.url ?? "",
          headers: request.headers,
          body: text === "" ? undefined : (JSON.parse(text) as unknown),
        };
        this.asked.push(asked);
        const { status = 200, headers, body, silent } = answerOf(script, asked);
        if (silent) return;
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      });
    });
  }

  static async start(script: Script): Promise<FakeControl> {
    const control = new FakeControl(script);
    await new Promise<void>((resolve) => control.#server.listen(0, "127.0.0.1", resolve));
    return control;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function answerOf(script: Script, asked: Asked): Answer {
  if (asked.headers.authorization !== `Bearer ${TOKEN}`)
    return refusal({ status: 401, code: "unauthorized", title: "No credential" });
  const answer = script[`${asked.method} ${asked.path.split("?")[0]}`];
  if (!answer) return refusal({ status: 404, code: "not-found", title: "No such path" });
  return typeof answer === "function" ? answer(asked) : answer;
}

export const refusal = (problem: Omit<ApiProblem, "type">): Answer => ({
  status: problem.status,
  headers: { "content-type": "application/problem+json" },
  body: { type: `https://selvedge.dev/problems/${problem.code}`, ...problem },
});
