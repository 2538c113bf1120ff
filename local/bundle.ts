/** The three Workers as JavaScript, bundled the way wrangler does it. */
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { SnapshotResponse } from "../mesh/api.ts";

export type Role = "edge" | "control" | "state";

const ENTRY: Readonly<Record<Role, string>> = {
  edge: "workers/edge-proxy/index.ts",
  control: "workers/control/index.ts",
  state: "durable-objects/index.ts",
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The snapshot that an edge brings along from its deploy. */
export type LastGood = SnapshotResponse;

export const bundle = (role: Role, lastGood?: LastGood): Promise<string> =>
  bundleFile(ENTRY[role], lastGood ? [bringing(lastGood)] : []);

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
const bringing = (lastGood: LastGood): Plugin => ({
  name: "last-good",
  setup: (build) => {
    build.onLoad({ filter: /last-good\.json$/ }, () => ({ contents: JSON.stringify(lastGood), loader: "json" }));
  },
});
