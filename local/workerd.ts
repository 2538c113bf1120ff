/** workerd as a process: started on files in a folder, awaited until it listens, ended without cutting a request off. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { watchOverWorkerd } from "./orphans.ts";
import type { WorkerdFiles } from "./workerd-config.ts";

export type Workerd = {
  readonly pid: number;
  /** When it ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Takes no new connection, lets requests come to their end for so many milliseconds, then ends it. */
  readonly drain: (forMs: number) => Promise<void>;
};

const require = createRequire(import.meta.url);
/** The binary for this machine; the package is CommonJS, and has no types. */
const { default: WORKERD } = require("workerd") as { readonly default: string };

/** The folder for what a start writes, and workerd's working directory. It holds no secret, but nothing in it is anyone else's. */
const FOLDER = "workerd";
const CONFIG = "config.capnp";

/**
 * Resolves when all of `sockets` are listened on. What workerd and the Workers log goes to this process' stderr. Throws when workerd ends
 * before it listens; it has said why on stderr then.
 */
export async function startWorkerd(
  dir: string,
  { config, modules, environment }: WorkerdFiles,
  sockets: readonly string[],
): Promise<Workerd> {
  const cwd = join(dir, FOLDER);
  await rm(cwd, { recursive: true, force: true });
  await mkdir(cwd, { mode: 0o700 });
  const files = { ...modules, [CONFIG]: config };
  await Promise.all(Object.entries(files).map(([name, contents]) => writeFile(join(cwd, name), contents)));
  await chmod(join(cwd, CONFIG), 0o600);
  watchOverWorkerd();
  const child = spawn(WORKERD, ["serve", CONFIG, "--control-fd=3"], {
    cwd,
    // Nothing of this process' own environment: a Worker has what its configuration names.
    env: environment,
    // In a process group of its own: Ctrl-C is this process' to hear, and workerd's requests are to come to their end.
    detached: true,
    stdio: ["ignore", 2, 2, "pipe"],
  });
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  await Promise.race([
    listening(child, sockets),
    ended.then((how) => {
      throw new Error(`workerd ended with ${how} before it listened`);
    }),
  ]);
  return {
    pid: child.pid!, // it listens
    ended,
    drain: async (forMs) => {
      child.kill("SIGTERM");
      await Promise.race([ended, wait(forMs, undefined, { ref: false })]);
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function listening(child: ChildProcess, sockets: readonly string[]): Promise<void> {
  const awaited = new Set(sockets);
  for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
    const { event, socket } = JSON.parse(line) as { readonly event: string; readonly socket?: string };
    if (event === "listen" && socket !== undefined) awaited.delete(socket);
    if (awaited.size === 0) return;
  }
  // It is ending, which is what whoever waits for this hears first.
  await new Promise(() => {});
}
