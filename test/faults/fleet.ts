/** A mesh whose every part is a process of its own: state (with KV), control, and edges that share them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlClient, type ControlClient, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { type Part, startPart } from "../support/processes.ts";

export const EDGES = ["edge-0", "edge-1"] as const;
export type EdgeName = (typeof EDGES)[number];
export type PartName = "state" | "control" | EdgeName;
export const PARTS: readonly PartName[] = ["state", "control", ...EDGES];

export type Fleet = {
  /** Objects, KV and cache. */
  readonly dir: string;
  readonly control: ControlClient;
  readonly port: Readonly<Record<EdgeName, number>>;
  readonly parts: Map<PartName, Part>;
  /** Kills it as a machine dies, if it is there. */
  readonly kill: (part: PartName) => Promise<void>;
  /** Starts it anew in the place of one that was killed. */
  readonly start: (part: PartName) => Promise<void>;
  /** Stops it in the midst of what it does, or lets it go on. */
  readonly signal: (part: PartName, signal: "SIGSTOP" | "SIGCONT") => Promise<void>;
  readonly close: () => Promise<void>;
};

const LOOK_EVERY_MS = 500;
const REPORT_EVERY_MS = 500;
/** Of requests without a response that an edge has; small, so that few clients overload it. */
const MAX_IN_FLIGHT = 300;

/** `within`: where its folder goes; by default the machine's temporary one. */
export async function startFleet(within = tmpdir()): Promise<Fleet> {
  const dir = await mkdtemp(join(within, "selvedge-fleet-"));
  const registry = await mkdtemp(join(tmpdir(), "selvedge-registry-"));
  const controlPort = await freePort();
  const port = { "edge-0": await freePort(), "edge-1": await freePort() };
  const parts = new Map<PartName, Part>();
  const edge = (name: EdgeName) => ({
    dir,
    registry,
    state: false,
    edges: [{ name, port: port[name], maxInFlight: MAX_IN_FLIGHT, zone: "here" }],
    lookEveryMs: LOOK_EVERY_MS,
    reportEveryMs: REPORT_EVERY_MS,
    meshKey: "a-key-that-the-edges-of-this-mesh-share",
  });
  const options = {
    state: { dir, registry },
    control: { dir, registry, state: false, control: { port: controlPort, token: TOKEN } },
    "edge-0": edge("edge-0"),
    "edge-1": edge("edge-1"),
  };
  const start = async (name: PartName): Promise<void> => {
    if (!parts.has(name)) parts.set(name, await startPart(options[name]));
  };
  const fleet: Fleet = {
    dir,
    control: controlClient(controlPort, Object.values(port)),
    port,
    parts,
    start,
    kill: async (name) => {
      const part = parts.get(name);
      parts.delete(name);
      await part?.kill();
    },
    signal: async (name, signal) => parts.get(name)?.kill(signal),
    close: async () => {
      for (const part of parts.values()) {
        await part.kill("SIGCONT");
        await part.kill();
      }
      for (const folder of [dir, registry]) await rm(folder, { recursive: true, force: true });
    },
  };
  // The state process is the oldest, and owns the KV files for all.
  try {
    for (const name of PARTS) await start(name);
  } catch (error) {
    await fleet.close();
    throw error;
  }
  return fleet;
}
