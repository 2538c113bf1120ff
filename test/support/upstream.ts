/** Real upstream servers that record what reached them. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Received = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly bytes: Buffer;
};

export type Upstream = {
  readonly port: number;
  readonly url: string;
  readonly received: Received[];
  readonly server: Server;
  readonly close: () => Promise<void>;
};

type Answer = (request: IncomingMessage, response: ServerResponse, received: Received) => void;

/** Reads each request whole, records it, and answers by `answer` (default: its own name as text). */
export function upstream(name: string, answer: Answer = (_, response) => void response.end(name)): Promise<Upstream> {
  const received: Received[] = [];
  return serve(received, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers, rawHeaders } = request;
      const bytes = Buffer.concat(chunks);
      const record = { method, url, headers, rawHeaders, body: bytes.toString(), bytes };
      received.push(record);
      answer(request, response, record);
    });
  });
}

/** Leaves the request's body to `listener`. */
export const streaming = (listener: RequestListener): Promise<Upstream> => serve([], listener);

async function serve(received: Received[], listener: RequestListener): Promise<Upstream> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    received,
    server,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
