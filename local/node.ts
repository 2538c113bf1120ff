/**
 * `selvedge node`: the mesh on a machine of one's own, without an account: edge, control and state on workerd, with what they keep in one
 * folder. docs/self-hosting.md has the steps and what lasts.
 */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ApiProblem, ApiTokensResponse, PublishResponse, SecretResponse } from "../mesh/api.ts";
import { publicKeys } from "../cli/snapshot-keys.ts";
import { bundleFile } from "./bundle.ts";
import { holdFolder, secretIn, snapshotKeyIn } from "./folder.ts";
import { type MeshOptions, PortInUse, workersOf } from "./mesh.ts";
import { refusal } from "./ports.ts";
import { startWorkerd, type Workerd } from "./workerd.ts";
import { workerdFiles } from "./workerd-config.ts";

type Address = { readonly host: string; readonly port: number };

export type NodeOptions = {
  readonly dir: string;
  readonly edge: Address;
  readonly control: Address;
  /** What the edge's socket is to Gateways: a listener of this scheme and port. */
  readonly listener: { readonly scheme: "http" | "https"; readonly port: number };
  readonly meshDomain: string;
  readonly zone: string;
  readonly allowReserved: boolean;
  readonly trustedProxies: number;
  /** Whether the first token is made anew; the one before is good no longer. */
  readonly newToken: boolean;
};

export type Node = {
  /** The epoch in force, as control has it; 0 before the first apply. */
  readonly epoch: number;
  /** The secret of an admin's token, if one was made: it is kept nowhere. */
  readonly token: string | undefined;
  /** When workerd ended without having been asked to. */
  readonly broken: Promise<number | NodeJS.Signals>;
  /** Takes no new connection, lets requests come to their end for so many milliseconds, then ends. */
  readonly stop: (drainMs: number) => Promise<void>;
};

/** What API tokens call whoever has the first one. */
const OPERATOR = "operator";
/** As often as the platform's cron calls control. */
const TICK_MS = 60_000;
/** A predecessor that was killed holds its ports until its workerd has noticed. */
const PORT_FREE_WITHIN_MS = 1000;
const SECRETS = ["CONTROL_TOKEN", "MESH_KEY", "SNAPSHOT_KEY"];

/** Throws `AlreadyRunning` when another node has the folder, `PortInUse` when an address is taken. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const release = await holdFolder(options.dir, "selvedge node");
  try {
    for (const address of [options.edge, options.control]) await untilFree(address);
    // Good for this run, and known to nobody else: operators have tokens of their own, of which control keeps digests.
    const token = randomBytes(32).toString("base64url");
    const { edge, control, listener, dir, newToken, ...shared } = options;
    const snapshotKey = await snapshotKeyIn(join(dir, "snapshot-key"));
    const workerd = await bootOnWorkerd({
      ...shared,
      dir,
      control: { ...control, token, snapshotKey: JSON.stringify(snapshotKey) },
      edges: [
        { ...edge, name: "edge", zone: options.zone, listenerPort: listener.port, listenerScheme: listener.scheme },
      ],
      clientAddress: "peer",
      meshKey: await secretIn(join(dir, "mesh-key")),
      snapshotKeys: JSON.stringify(publicKeys([snapshotKey])),
      lookEveryMs: 1000,
      reportEveryMs: 5000,
    });
    const api = controlOf(control, token);
    const { epoch } = await api<PublishResponse>("/v1/publish", {});
    const ticking = setInterval(() => void api("/v1/publish", {}).catch(() => {}), TICK_MS);
    return {
      epoch,
      token: await operatorToken(api, newToken),
      broken: workerd.ended,
      stop: async (drainMs) => {
        clearInterval(ticking);
        await workerd.drain(drainMs);
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** A mesh as `bootMesh` boots it, on workerd itself: the sockets believe no header of a client's, and nothing is simulated. */
export async function bootOnWorkerd(options: MeshOptions): Promise<Workerd> {
  const workers = (await workersOf(options)).filter(
    (worker) => "unsafeDirectSockets" in worker || "durableObjects" in worker,
  );
  const state = join(options.dir, "state");
  await mkdir(state, { recursive: true, mode: 0o700 });
  const kv = await bundleFile("workers/kv/index.ts");
  const sockets = workers.flatMap((worker) => ("unsafeDirectSockets" in worker ? [worker.name] : []));
  return startWorkerd(options.dir, workerdFiles(workers, { kv, state, secrets: SECRETS }), sockets);
}

type Api = <Answer>(path: string, body?: object) => Promise<Answer>;

/** Control of this node, asked by the machine that it runs on. */
function controlOf({ host, port }: Address, token: string): Api {
  const origin = `http://${nearest(host)}:${port}`;
  return async <Answer>(path: string, body?: object): Promise<Answer> => {
    const response = await fetch(origin + path, {
      method: body ? "POST" : "GET",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = (await response.json()) as Answer & Partial<ApiProblem>;
    if (!response.ok)
      throw new Error(`control answered ${response.status} to ${path}: ${answer.detail ?? answer.title ?? ""}`);
    return answer;
  };
}

/** Where a socket that listens on every address is reached from here. */
const nearest = (host: string): string =>
  host === "0.0.0.0" || host === "*" ? "127.0.0.1" : host === "[::]" ? "[::1]" : host;

async function operatorToken(api: Api, anew: boolean): Promise<string | undefined> {
  const { items } = await api<ApiTokensResponse>("/v1/tokens");
  const isThere = items.some(({ name }) => name === OPERATOR);
  if (isThere && !anew) return undefined;
  if (isThere) await api("/v1/tokens/revoke", { name: OPERATOR });
  return (await api<SecretResponse>("/v1/tokens", { name: OPERATOR, role: "admin" })).secret;
}

async function untilFree({ host, port }: Address): Promise<void> {
  for (const until = performance.now() + PORT_FREE_WITHIN_MS; ; await wait(50)) {
    const code = await refusal(port, host.replace(/^\[(.*)\]$/, "$1"));
    if (code === undefined) return;
    if (code !== "EADDRINUSE") throw new Error(`${host}:${port} cannot be listened on (${code})`);
    if (performance.now() > until) throw new PortInUse(port);
  }
}
