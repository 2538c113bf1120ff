/** The client of the cases: one request over a real socket, and what came of it. */
import { randomBytes } from "node:crypto";
import { Agent, request as send, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { pause } from "../support/mesh.ts";
import type { BackendCall, CaseRequest, Frame, Observation } from "./case.ts";
import { headerLines, type Workloads } from "./workloads.ts";

export type Sent = Pick<
  CaseRequest,
  "host" | "method" | "path" | "websocket" | "backendResponseHeaders" | "expected"
> & {
  readonly port: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
};

/** No case waits longer for its answer. */
const ANSWER_MS = 30_000;
/** A mirrored request may arrive after the answer. */
const MIRROR_MS = 1000;

const agent = new Agent({ keepAlive: true });

export async function observe(sent: Sent, workloads: Workloads): Promise<Observation> {
  const before = workloads.calls.length;
  workloads.adding = sent.backendResponseHeaders ?? {};
  const started = performance.now();
  const { response, body, received } = await exchange(sent);
  const latencyMs = performance.now() - started;
  const since = () => workloads.calls.slice(before);
  await mirrored(sent, since);
  const calls = since();
  const status = response.statusCode ?? 0;
  const backendRequest = answering(status, body, calls);
  return {
    status,
    headers: headerLines(response.rawHeaders),
    latencyMs,
    backend: backendRequest ? pickName(backendRequest) : null,
    backendRequest,
    calls,
    ...(received && { websocketReceived: received }),
  };
}

const pickName = ({ namespace, name, instance }: BackendCall) => ({ namespace, name, instance });

type Exchange = { readonly response: IncomingMessage; readonly body: string; readonly received?: readonly Frame[] };

function exchange({ port, host, method, path, headers, websocket }: Sent): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const request = send({
      host: "127.0.0.1",
      port,
      method,
      path,
      agent: websocket ? false : agent,
      timeout: ANSWER_MS,
      headers: { host, ...(headers as Record<string, string | string[]>), ...(websocket && UPGRADE()) },
    });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ response, body: Buffer.concat(chunks).toString() }));
    });
    request.on("upgrade", (response, socket) => {
      echoed(socket, websocket?.send ?? [])
        .then((received) => resolve({ response, body: "", received }))
        .catch(reject)
        .finally(() => socket.destroy());
    });
    request.end();
  });
}

const UPGRADE = () => ({
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": randomBytes(16).toString("base64"),
});

/** Sends each frame and reads as many back (RFC 6455; frames of less than 126 bytes, which is all that the cases send). */
function echoed(socket: Duplex, frames: readonly Frame[]): Promise<Frame[]> {
  for (const { text } of frames) {
    const mask = randomBytes(4);
    const payload = Buffer.from(text).map((byte, index) => byte ^ mask[index % 4]!);
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload]));
  }
  return new Promise((resolve, reject) => {
    const received: Frame[] = [];
    let buffered = Buffer.alloc(0);
    socket.on("error", reject).on("close", () => resolve(received));
    setTimeout(() => socket.destroy(), ANSWER_MS).unref();
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered[1]!) {
        const end = 2 + buffered[1]!;
        const type = (buffered[0]! & 0x0f) === 1 ? "text" : "binary";
        received.push({ type, text: buffered.subarray(2, end).toString() });
        buffered = buffered.subarray(end);
      }
      if (received.length >= frames.length) resolve(received);
    });
  });
}

async function mirrored({ expected: { mirrors = [] } }: Sent, calls: () => readonly BackendCall[]): Promise<void> {
  const wanted = mirrors.reduce((sum, { times }) => sum + times, 0);
  const arrived = () =>
    calls().filter(({ namespace, name }) =>
      mirrors.some(({ backend }) => backend.namespace === namespace && backend.name === name),
    ).length;
  for (const give = performance.now() + MIRROR_MS; arrived() < wanted && performance.now() < give;) await pause(5);
}

/** The call whose response this is. Echo servers say who they are; where there is no body to say it, the last call was it. */
function answering(status: number, body: string, calls: readonly BackendCall[]): BackendCall | undefined {
  try {
    const { pod, ...echo } = JSON.parse(body) as BackendCall & { readonly pod?: string };
    if (pod !== undefined) return echo;
  } catch {
    // Not an echo.
  }
  return status < 300 && body === "" ? calls.at(-1) : undefined;
}
