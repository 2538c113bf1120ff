/** The three Workers as JavaScript, bundled the way wrangler does it. */
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { SnapshotResponse } from "../mesh/api.ts";
import { dashboard } from "./dashboard.ts";

export type Role = "edge" | "control" | "state";

const ENTRY: Readonly<Record<Role, string>> = {
  edge: "workers/edge-proxy/index.ts",
  control: "workers/control/index.ts",
  state: "durable-objects/index.ts",
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The snapshot that an edge brings along from its deploy. */
export type LastGood = SnapshotResponse;

export async function bundle(role: Role, lastGood?: LastGood): Promise<string> {
  if (role === "control") return bundleFile(ENTRY.control, [bringing(/control\/dashboard\.json$/, await dashboard())]);
  return bundleFile(ENTRY[role], lastGood ? [bringing(/last-good\.json$/, lastGood)] : []);
}

/** One Worker's entry, by its path in the project, as one module. */
export async function bundleFile(entry: string, plugins: Plugin[] = []): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
    plugins,
  });
  return outputFiles[0]!.text;
}

/** What `npm run deploy` does to the file, done to the bundle alone. */
const bringing = (file: RegExp, value: object): Plugin => ({
  name: "bringing",
  setup: (build) => {
    build.onLoad({ filter: file }, () => ({ contents: JSON.stringify(value), loader: "json" }));
  },
});
