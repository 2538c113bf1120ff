/** Runs the real program as a process, away from the machine's own settings. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import { TOKEN, type FakeControl } from "./fake-control.ts";

// Each run is a process of its own, and other suites may hold both cores.
vi.setConfig({ testTimeout: 30_000 });

export const PROGRAM = join(import.meta.dirname, "../../cli/selvedge.js");
const GOLDEN = join(import.meta.dirname, "golden");

export type Run = {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  /** All of it, as golden files keep it. */
  readonly transcript: string;
};
export type RunOptions = {
  readonly control?: FakeControl | undefined;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
};

/** `args` are split at spaces; give a list where an argument has one. */
export async function selvedge(args: string | readonly string[], options: RunOptions = {}): Promise<Run> {
  const cwd = options.cwd ?? folder({});
  const child = spawn(
    process.execPath,
    [PROGRAM, ...(typeof args === "string" ? args.split(" ").filter(Boolean) : args)],
    {
      cwd,
      env: {
        PATH: process.env["PATH"],
        HOME: cwd,
        ...(options.control ? { SELVEDGE_CONTROL: options.control.url, SELVEDGE_TOKEN: TOKEN } : {}),
        ...options.env,
      },
    },
  );
  child.stdin.on("error", () => {}).end(options.stdin ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const shown = [section("stdout", stdout), section("stderr", stderr), `exit ${code}\n`].join("\n");
  const command = `$ selvedge ${typeof args === "string" ? args : args.join(" ")}`.trimEnd();
  const text = `${command}\n${shown}`;
  const transcript = options.control ? text.replaceAll(options.control.url, "http://127.0.0.1:8788") : text;
  return { stdout, stderr, code, transcript };
}

/** A folder of its own for one test: names to texts. */
export function folder(files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), "selvedge-cli-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** A whole run is what `golden/<name>.txt` holds; `UPDATE_GOLDEN=1` writes the file instead. */
    toMatchGolden(name: string): T extends Run ? R : never;
  }
}

expect.extend({
  toMatchGolden({ transcript }: Run, name: string) {
    const path = join(GOLDEN, `${name}.txt`);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(path, transcript);
    const expected = readFileSync(path, "utf8");
    return {
      pass: transcript === expected,
      message: () => `not what golden/${name}.txt holds`,
      actual: transcript,
      expected,
    };
  },
});

const section = (name: string, text: string): string =>
  text === "" ? `-- no ${name}` : `-- ${name}\n${text.trimEnd()}`;
