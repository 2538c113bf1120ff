/** The Workers of this folder as JavaScript. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export type BenchWorker = "bare" | "hono" | "one-object" | "upstream";

export async function bundled(worker: BenchWorker): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`workers/${worker}.ts`, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*"],
    logLevel: "error",
  });
  return outputFiles[0]!.text; // one entry point, one file
}
