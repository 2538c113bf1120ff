/** The echo servers that stand for the manifests' Deployments: one real HTTP server on loopback an instance. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { acceptWebSocket } from "../support/websocket.ts";
import { pause } from "../support/mesh.ts";
import type { BackendCall, Document, Named } from "./case.ts";
import { milliseconds } from "./duration.ts";

export type Instance = Named & {
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** The port on loopback that stands for a port of the container. */
  readonly portFor: (target: number | string) => number;
};

/** Speaks HTTP/2 alone, and answers 400 to everything else, which is all that reaches it here. */
const H2C_PORT = 3001;
/** Nothing that a case measures gets truer with more. */
const MOST_REPLICAS = 4;

type Deployment = {
  readonly replicas?: number;
  readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
};

export class Workloads {
  readonly instances: Instance[] = [];
  /** What reached any of them, in order. */
  calls: BackendCall[] = [];
  /** Headers that each adds to its responses. */
  adding: Readonly<Record<string, string | readonly string[]>> = {};
  readonly #tries = new Map<string, number>();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  async start(documents: readonly Document[]): Promise<void> {
    const deployments = new Map(
      documents
        .filter(({ kind }) => kind === "Deployment")
        .map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]),
    );
    const h2c = await this.#listen((_, response) => void response.writeHead(400).end());
    for (const { metadata, spec } of deployments.values()) {
      const { replicas = 1, template } = spec as Deployment;
      for (let index = 0; index < Math.min(replicas, MOST_REPLICAS); index++) {
        const who = { namespace: metadata.namespace, name: metadata.name, instance: `${metadata.name}-${index}` };
        const port = await this.#listen((request, response) => void this.#answer(who, request, response), who);
        this.instances.push({
          ...who,
          labels: template?.metadata?.labels ?? {},
          address: `127.0.0.1:${port}`,
          portFor: (target) => (target === H2C_PORT ? h2c : port),
        });
      }
    }
  }

  async stop(): Promise<void> {
    // Sockets that became WebSockets are no longer the server's to close.
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) {
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #listen(answer: (request: IncomingMessage, response: ServerResponse) => void, who?: Who): Promise<number> {
    const server = createServer({ keepAliveTimeout: 60_000 }, answer);
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    if (who)
      server.on("upgrade", (request, socket) => {
        this.#record(who, request);
        acceptWebSocket(request.headers["sec-websocket-key"] ?? "", socket);
      });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  #record(who: Who, request: IncomingMessage): BackendCall {
    const call: BackendCall = {
      ...who,
      path: request.url ?? "",
      method: request.method ?? "",
      host: request.headers.host ?? "",
      headers: headerLines(request.rawHeaders),
    };
    this.calls.push(call);
    return call;
  }

  async #answer(who: Who, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = this.#record(who, request);
    request.resume();
    const url = new URL(call.path, "http://echo");
    const delay = url.searchParams.get("delay");
    if (delay !== null) await pause(milliseconds(delay));
    for (const [name, value] of Object.entries(this.adding)) response.setHeader(name, value as string | string[]);
    const status = /^\/status\/(\d{3})$/.exec(url.pathname)?.[1];
    if (status !== undefined) return void response.writeHead(Number(status)).end();
    if (url.pathname.startsWith("/retry/")) {
      const failure = await this.#fail(url.searchParams);
      if (failure === "reset") return void request.socket.resetAndDestroy();
      if (failure !== undefined) return void response.writeHead(failure).end();
    }
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ ...call, proto: `HTTP/${request.httpVersion}`, pod: who.instance }));
  }

  /** How this try fails; undefined for one that succeeds. */
  async #fail(query: URLSearchParams): Promise<number | "reset" | undefined> {
    const uuid = query.get("uuid");
    const succeedAfter = query.get("succeedAfter");
    if (uuid === null || succeedAfter === null) return 400;
    const tries = (this.#tries.get(uuid) ?? 0) + 1;
    this.#tries.set(uuid, tries);
    if (tries > Number(succeedAfter)) return undefined;
    const delay = query.get("delayRetry");
    if (delay !== null) await pause(milliseconds(delay));
    const code = query.get("responseCode");
    return code === null ? "reset" : Number(code);
  }
}

type Who = Named & { readonly instance: string };

/** By lower-case name, one element a line. */
export function headerLines(raw: readonly string[]): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (let index = 0; index < raw.length; index += 2) (lines[raw[index]!.toLowerCase()] ??= []).push(raw[index + 1]!);
  return lines;
}
