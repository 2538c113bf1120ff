/** HTTP as a client sees it: the exact Host, no redirects followed, nothing decoded. */
import { Agent, type IncomingMessage, request as send, type OutgoingHttpHeaders } from "node:http";

export type Asked = {
  readonly port: number;
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
};

export type Answered = {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: string;
};

export async function ask(asked: Asked): Promise<Answered> {
  const response = await open(asked);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode = 0, headers, rawHeaders } = response;
  return { status: statusCode, headers, rawHeaders, body: Buffer.concat(chunks).toString() };
}

/** The response as soon as its headers are there. */
export function open({
  port,
  host,
  path = "/",
  method = "GET",
  headers = {},
  body,
  agent,
}: Asked): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = send({
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: agent ?? false,
      headers: { ...(host === undefined ? {} : { host }), ...headers },
    });
    request.on("response", resolve).on("error", reject).end(body);
  });
}
