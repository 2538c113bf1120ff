/** `npm start`, or `selvedge node`, as a process of its own, and what of it is still running. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { BUNDLES } from "../../local/bundle.ts";
import { pause } from "./mesh.ts";

const START = fileURLToPath(new URL("../../local/start.ts", import.meta.url));
const SELVEDGE = fileURLToPath(new URL("../../cli/selvedge.js", import.meta.url));

export type Started = {
  readonly pid: number;
  readonly output: () => string;
  /** Waits until the output says so. */
  readonly says: (what: RegExp | string) => Promise<void>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** To it alone, or, as a terminal does, to its whole process group. */
  readonly signal: (signal: NodeJS.Signals, to?: "process" | "group") => void;
};

export const start = (...args: string[]): Started => run(START, args);
export const startNode = (...args: string[]): Started => run(SELVEDGE, ["node", ...args]);

function run(script: string, args: readonly string[]): Started {
  // It makes its own bundles, as for anyone; they are a part of how long a start takes.
  const { [BUNDLES]: _, ...env } = process.env;
  // A process group of its own, as in a terminal.
  const child = spawn(process.execPath, [script, ...args], { detached: true, env, stdio: ["ignore", "pipe", "pipe"] });
  const pid = child.pid!; // a node that this node just started
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += String(chunk)));
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  return {
    pid,
    output: () => output,
    says: async (what) => {
      for (const until = Date.now() + 20_000; Date.now() < until; await pause(20)) {
        if (typeof what === "string" ? output.includes(what) : what.test(output)) return;
        if (child.exitCode !== null) break;
      }
      throw new Error(`it did not say ${String(what)}, but: ${output}`);
    },
    ended,
    signal: (signal, to = "process") => process.kill(to === "group" ? -pid : pid, signal),
  };
}

type Running = { readonly pid: number; readonly parent: number; readonly command: string };

/** Every process that lives; a dead one that nobody has waited for is not counted. */
function running(): Running[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,stat=,args="], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || state?.startsWith("Z")
      ? []
      : [{ pid: Number(pid), parent: Number(parent), command: command ?? "" }];
  });
}

/** A process with all that it started, directly or not. */
export function family(pid: number): Running[] {
  const all = running();
  const found = all.filter((one) => one.pid === pid);
  for (const one of found) found.push(...all.filter(({ parent }) => parent === one.pid));
  return found;
}

/** Those of them that still live after a moment of grace. */
export async function survivors(of: readonly Running[]): Promise<Running[]> {
  let left: Running[] = [...of];
  for (const until = Date.now() + 2000; left.length > 0 && Date.now() < until; await pause(20)) {
    const now = new Map(running().map((one) => [one.pid, one.command]));
    left = left.filter(({ pid, command }) => now.get(pid) === command);
  }
  return left;
}
