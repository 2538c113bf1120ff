/** The three Workers as JavaScript, bundled the way wrangler does it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
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

/** The variable that names a folder of bundles (`edge.js` …), made from these sources, for many processes of one run. */
export const BUNDLES = "SELVEDGE_BUNDLES";

/** Twenty edges of one process are one bundle: its sources do not change under it. */
const bundles = new Map<Role, Promise<string>>();

export function bundle(role: Role, lastGood?: LastGood): Promise<string> {
  if (lastGood) return bundleFile(ENTRY[role], [bringing(/last-good\.json$/, lastGood)]);
  const bundled = bundles.get(role) ?? bundleOnce(role);
  bundles.set(role, bundled);
  return bundled;
}

async function bundleOnce(role: Role): Promise<string> {
  const made = process.env[BUNDLES];
  if (made !== undefined) return readFile(join(made, `${role}.js`), "utf8");
  return bundleFile(ENTRY[role], role === "control" ? [bringing(/control\/dashboard\.json$/, await dashboard())] : []);
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
