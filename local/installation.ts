/** The folder `.selvedge`: what `npm start` keeps from run to run, and by which the CLI finds the local mesh. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join, relative } from "node:path";
import type { Ports } from "./ports.ts";

export type Installation = {
  readonly dir: string;
  readonly token: string;
  /** Lets the next `npm start` have the folder. */
  readonly release: () => void;
};

export class AlreadyRunning extends Error {}

/** A path as one would type it here. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

/**
 * Opens the folder, or makes it with a token of its own, and holds it: two runtimes on the same state would lock each
 * other out. Throws `AlreadyRunning`. `fresh` forgets configuration and all other state, and keeps the token.
 */
export async function openInstallation(dir: string, { fresh }: { readonly fresh: boolean }): Promise<Installation> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  const release = await hold(dir);
  if (fresh) await rm(join(dir, "state"), { recursive: true, force: true });
  return { dir, token: await readOrMakeToken(join(dir, "token")), release };
}

/**
 * Stays when the mesh stops: without it the CLI, run here, would fall through to the operator's current context,
 * and a try-out would be applied to production.
 */
export async function writeLocal({ dir }: Installation, { control, edge }: Ports): Promise<void> {
  const local = { control: `http://127.0.0.1:${control}`, edge: `http://127.0.0.1:${edge}`, tokenFile: "token" };
  await writeFile(join(dir, "local.json"), `${JSON.stringify(local, null, 2)}\n`, { mode: 0o600 });
}

async function readOrMakeToken(path: string): Promise<string> {
  const known = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  if (known.trim() !== "") {
    await chmod(path, 0o600);
    return known.trim();
  }
  const token = randomBytes(32).toString("base64url");
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  return token;
}

/** Held by listening on a socket in the folder: the lock of a process that died is one that nobody answers at. */
async function hold(dir: string): Promise<() => void> {
  // A socket's path has about a hundred characters at most; from here it is short.
  const path = relative(process.cwd(), join(dir, "running")) || "running";
  for (const last of [false, true]) {
    const server = createServer((socket) => socket.destroy());
    const code = await new Promise<string | undefined>((resolve) => {
      server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      server.listen(path, () => resolve(undefined));
    });
    if (code === undefined) {
      server.unref();
      return () => server.close();
    }
    if (code !== "EADDRINUSE") throw new Error(`${path}: ${code}`);
    if (last || (await answers(path))) break;
    await rm(path, { force: true });
  }
  throw new AlreadyRunning(`another npm start runs on ${dir}`);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
