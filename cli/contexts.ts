/**
 * The control planes an operator knows: `contexts.json` in the configuration folder, 0600, because it may hold tokens.
 * Nothing here prints a token.
 */
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { Failure, usage } from "./failure.ts";
import { say } from "./terminal.ts";

export type Context = {
  readonly control: string;
  /** By value, or by the absolute path of a file that holds it. */
  readonly token?: string;
  readonly tokenFile?: string;
};

export type Contexts = { readonly current?: string; readonly contexts: Readonly<Record<string, Context>> };

const contextsPath = (env: NodeJS.ProcessEnv): string =>
  join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "selvedge", "contexts.json");

export async function readContexts(env: NodeJS.ProcessEnv): Promise<Contexts> {
  const path = contextsPath(env);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new Failure(`${path}: ${error.message}`);
  });
  if (text === undefined) return { contexts: {} };
  if (process.platform !== "win32" && ((await stat(path)).mode & 0o077) !== 0)
    say(`warning: ${path} can be read by others; run chmod 600 on it`);
  const value = parse(text);
  if (!isContexts(value)) throw new Failure(`${path}: not a contexts file; mend or delete it`);
  return value;
}

/** Written beside and renamed, so that neither a crash nor a second writer leaves half a file. */
export async function writeContexts(env: NodeJS.ProcessEnv, contexts: Contexts): Promise<void> {
  const path = contextsPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
  await rename(beside, path);
}

export function contextNamed(all: Contexts, name: string): Context {
  const context = Object.hasOwn(all.contexts, name) ? all.contexts[name] : undefined;
  if (!context) throw usage(`no context named "${name}"; known: ${Object.keys(all.contexts).join(", ") || "none"}`);
  return context;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isContexts = (value: unknown): value is Contexts =>
  typeof value === "object" &&
  value !== null &&
  "contexts" in value &&
  typeof value.contexts === "object" &&
  value.contexts !== null &&
  Object.values(value.contexts).every((context) => typeof context?.control === "string");
