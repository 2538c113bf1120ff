/** Parts of one mesh as processes of their own, so that each can be killed as a machine dies. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { MeshOptions } from "../../local/mesh.ts";

const ROLE = fileURLToPath(new URL("../../local/role.ts", import.meta.url));

export type Part = {
  readonly child: ChildProcess;
  /** Kills the process and its workerd, which would otherwise live on. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
};

export async function startPart(options: MeshOptions): Promise<Part> {
  const child = spawn(process.execPath, [ROLE, JSON.stringify(options)], {
    // A group of its own, which `kill` can name whole.
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  await Promise.race([
    new Promise<void>((resolve) => child.stdout?.once("data", () => resolve())),
    exited.then(([code]) => Promise.reject(new Error(`the part ended with ${String(code)} before it was ready`))),
  ]);
  return {
    child,
    kill: async (signal = "SIGKILL") => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-child.pid!, signal); // it has a pid: it said that it is ready
      if (signal !== "SIGSTOP" && signal !== "SIGCONT") await exited;
    },
  };
}
