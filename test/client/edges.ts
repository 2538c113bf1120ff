/** Servers that stand where edges do, on real sockets: they can be sick in every way in which one is. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { type Upstream, upstream } from "../support/upstream.ts";

export type Edge = Upstream & {
  /** What it answers to calls; by default its own name, as an edge does, with the epoch. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Which services it says may be called directly. */
  direct: readonly string[];
  /** Whether it says that it is well. */
  well: boolean;
  /** The calls that it had, without those by which clients ask after it. */
  readonly calls: () => Upstream["received"];
  readonly asked: () => number;
};

const ASK = "/.well-known/selvedge/client";

export async function edge(name: string, more: Partial<Pick<Edge, "answer" | "direct" | "well">> = {}): Promise<Edge> {
  const made = await upstream(name, (request, response) => {
    if (request.url !== ASK) return it.answer(request, response);
    response.statusCode = it.well ? 200 : 503;
    response.end(JSON.stringify({ epoch: 1, direct: it.direct }));
  });
  const it: Edge = {
    ...made,
    answer: (_request, response) => void response.setHeader("selvedge-epoch", "1").end(name),
    direct: [],
    well: true,
    calls: () => made.received.filter(({ url }) => url !== ASK),
    asked: () => made.received.filter(({ url }) => url === ASK).length,
    ...more,
  };
  onTestFinished(() => made.close().catch(() => {}));
  return it;
}

/** As after `kill -9`: nobody listens, and what was open is gone. Clients have seen by then which of their idle connections are. */
export async function kill({ server }: { readonly server: Server }): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Another server at the port of one that was killed. */
export async function revive({ port }: Upstream, answer: (response: ServerResponse) => void): Promise<void> {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => kill({ server }));
}
