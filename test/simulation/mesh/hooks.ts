/** Lets Node load what was written for workerd, and lets a planted bug take the place of a line. */
import { registerHooks } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Mutation } from "./mutations.ts";

const ROOT = new URL("../../../", import.meta.url).href;

export function installHooks(mutation?: Mutation): void {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "cloudflare:workers"
        ? { url: new URL("cloudflare-workers.ts", import.meta.url).href, shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) => {
      if (!mutation || url !== ROOT + mutation.file) return next(url, context);
      return { format: "module-typescript", source: mutated(mutation), shortCircuit: true };
    },
  });
}

/** The file's text with the bug in it. Throws if what it replaces is not there exactly once. */
export function mutated({ name, file, from, to }: Mutation): string {
  const text = readFileSync(fileURLToPath(ROOT + file), "utf8");
  if (text.split(from).length !== 2) throw new Error(`${name}: ${file} must have this once: ${from}`);
  return text.replace(from, () => to);
}
