/** A mesh of this test's own: real workerd, real sockets, ports and folder of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiProblem, ChangeResponse, EdgesResponse } from "../../mesh/api.ts";
import { bootMesh, type EdgeOptions, type Mesh, type MeshOptions } from "../../local/mesh.ts";
import { ask } from "./http.ts";
import { freePort } from "./ports.ts";

export const TOKEN = "a-token-for-tests-only";

export type TestMesh = {
  readonly dir: string;
  /** The first edge's port. */
  readonly edge: number;
  readonly edges: readonly number[];
  readonly control: ControlClient;
  readonly runtime: Mesh["runtime"];
  /** What control does each minute, now. */
  readonly tick: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export async function testMesh(
  edges: readonly Partial<EdgeOptions>[] = [{}],
  more: Pick<MeshOptions, "meshKey" | "otlp"> = {},
): Promise<TestMesh> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-test-"));
  const controlPort = await freePort();
  const placed: EdgeOptions[] = [];
  for (const [index, edge] of edges.entries()) placed.push({ name: `edge-${index}`, port: await freePort(), ...edge });
  const mesh: Mesh = await bootMesh({
    dir,
    control: { port: controlPort, token: TOKEN },
    edges: placed,
    lookEveryMs: 100,
    ...more,
  });
  return {
    dir,
    edge: placed[0]!.port,
    edges: placed.map(({ port }) => port),
    control: controlClient(
      controlPort,
      placed.map(({ port }) => port),
    ),
    runtime: mesh.runtime,
    tick: async () => {
      const control = await mesh.runtime.getWorker("control");
      await control.scheduled();
    },
    close: async () => {
      await mesh.dispose();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export type ControlClient = ReturnType<typeof controlClient>;

/** The control API, as a test uses it. */
export function controlClient(port: number, edges: readonly number[]) {
  const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> => {
    const { status, body: text } = await ask({
      port,
      path,
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status, json: text === "" ? undefined : JSON.parse(text) };
  };
  const apply = async (text: string): Promise<ChangeResponse> => {
    const { status, json } = await call("POST", "/v1/apply", { files: [{ name: "test.yaml", text }] });
    if (status !== 200)
      throw new Error(`apply answered ${status}: ${JSON.stringify((json as ApiProblem).problems ?? json)}`);
    return json as ChangeResponse;
  };
  return {
    port,
    call,
    apply,
    edges: async () => (await call("GET", "/v1/edges")).json as EdgesResponse,
    /** Applies, and waits until every edge serves the result. */
    applied: async (text: string): Promise<ChangeResponse> => {
      const response = await apply(text);
      for (const edge of edges) await serves(edge, response.epoch);
      return response;
    },
  };
}

/** Waits until the edge at `port` serves `epoch` or a later one. */
export async function serves(port: number, epoch: number): Promise<void> {
  for (const give = Date.now() + 10_000; Date.now() < give; await pause(20)) {
    const health = await ask({ port, path: "/.well-known/selvedge/health" }).catch(() => undefined);
    if (health?.status === 200 && (JSON.parse(health.body) as { epoch: number }).epoch >= epoch) return;
  }
  throw new Error(`the edge at port ${port} does not serve epoch ${epoch}`);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
