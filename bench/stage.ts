/**
 * What gets the load. An upstream in a workerd of its own, and meshes: each one workerd with state, control, an edge, and
 * beside the edge the Workers that it is compared with. All edges of a mesh run one snapshot, so that each configuration has
 * a mesh; it starts when it is first asked for, and an idle one takes no time from the others.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions, Log, LogLevel } from "miniflare";
import { bootMesh } from "../local/mesh.ts";
import type { ChangeResponse } from "../mesh/api.ts";
import { bundled } from "./bundled.ts";
import { loader, type Loader } from "./loader.ts";
import { manifests } from "./routes.ts";

export type Configuration = {
  readonly routes: number;
  readonly policies: boolean;
  readonly limited?: boolean;
  /** Traces are exported, and there is a TelemetryPolicy. */
  readonly observed?: boolean;
};

/** Ports, and how long the configuration took from the request for it to the edge that serves it. */
export type Standing = {
  readonly edge: number;
  /** An edge whose telemetry is off. */
  readonly silent: number;
  readonly bare: number;
  readonly hono: number;
  readonly oneObject: number;
  readonly applyMs: number;
  readonly servedMs: number;
};

export type Stage = {
  readonly loader: Loader;
  /** The upstream's origin. */
  readonly upstream: string;
  /** For whoever starts more: called when all is over, the last first. */
  readonly atClose: (close: () => Promise<unknown>) => void;
  readonly mesh: (configuration: Configuration) => Promise<Standing>;
  readonly close: () => Promise<void>;
};

/** A deployed edge's: looking for news is part of what is measured, at the rate at which it happens. */
const LOOK_EVERY_MS = 10_000;
const SERVED_WITHIN_MS = 60_000;

type Closing = () => Promise<unknown>;

export async function stage(): Promise<Stage> {
  const closing: Closing[] = [];
  const load = loader();
  closing.push(async () => load.close());
  const upstream = await bootUpstream(closing);
  const meshes = new Map<string, Promise<Standing>>();
  return {
    loader: load,
    upstream,
    atClose: (close) => closing.push(close),
    mesh: (configuration) => {
      const key = JSON.stringify(configuration);
      const standing = meshes.get(key) ?? boot(configuration, upstream, closing);
      meshes.set(key, standing);
      return standing;
    },
    close: async () => {
      for (const close of closing.reverse()) await close();
    },
  };
}

async function bootUpstream(closing: Closing[]): Promise<string> {
  const name = "upstream";
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      cf: false,
      host: "127.0.0.1",
      port: 0,
      workers: [
        {
          name,
          modules: [{ type: "ESModule", path: "upstream.js", contents: await bundled(name) }],
          compatibilityDate: "2026-10-01",
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
      ],
    }),
  );
  closing.push(() => miniflare.dispose());
  await miniflare.ready;
  return (await miniflare.unsafeGetDirectURL(name)).origin;
}

async function boot(
  { routes, policies, limited = false, observed = false }: Configuration,
  upstream: string,
  closing: Closing[],
): Promise<Standing> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
  closing.push(() => rm(dir, { recursive: true, force: true }));
  const token = randomUUID();
  const bindings = { UPSTREAM: upstream };
  const mesh = await bootMesh({
    dir,
    control: { port: 0, token },
    edges: [
      { name: "edge", port: 0 },
      { name: "silent", port: 0, reportEveryMs: 0 },
    ],
    ...(observed && { otlp: { endpoint: upstream } }),
    // Written all the same, as an edge writes it: who reads it is none of the edge's cost.
    logged: () => {},
    lookEveryMs: LOOK_EVERY_MS,
    neighbours: [
      { name: "bare", port: 0, code: await bundled("bare"), bindings },
      { name: "hono", port: 0, code: await bundled("hono"), bindings },
      { name: "one-object", port: 0, code: await bundled("one-object"), bindings, objects: { COUNTER: "Counter" } },
    ],
  });
  closing.push(mesh.dispose);
  const port = async (worker: string) => Number((await mesh.runtime.unsafeGetDirectURL(worker)).port);
  const edge = await port("edge");
  const began = performance.now();
  const { epoch } = await apply(
    await port("control"),
    token,
    manifests(routes, upstream, policies, { limited, observed }),
  );
  const applyMs = performance.now() - began;
  const silent = await port("silent");
  for (const one of [edge, silent]) await serves(one, epoch);
  return {
    edge,
    silent,
    bare: await port("bare"),
    hono: await port("hono"),
    oneObject: await port("one-object"),
    applyMs,
    servedMs: performance.now() - began,
  };
}

export async function apply(control: number, token: string, text: string): Promise<ChangeResponse> {
  const response = await fetch(`http://127.0.0.1:${control}/v1/apply`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ files: [{ name: "bench.yaml", text }] }),
  });
  if (!response.ok) throw new Error(`apply answered ${response.status}: ${(await response.text()).slice(0, 2000)}`);
  return (await response.json()) as ChangeResponse;
}

/** Waits until the edge serves `epoch` or a later one. */
export async function serves(edge: number, epoch: number): Promise<void> {
  for (const give = performance.now() + SERVED_WITHIN_MS; performance.now() < give;) {
    const health = await fetch(`http://127.0.0.1:${edge}/.well-known/selvedge/health`);
    if (health.ok && ((await health.json()) as { epoch: number }).epoch >= epoch) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the edge does not serve epoch ${epoch}`);
}
