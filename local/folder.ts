/** A folder that one process has to itself: what it keeps from run to run, closed to others. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join, relative } from "node:path";
import type { JWK } from "jose";
import { newSnapshotKey, snapshotKeyFrom } from "../cli/snapshot-keys.ts";

export class AlreadyRunning extends Error {}

/** A path as one would type it here. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

/** A secret in a file that only its owner can read; made when the file is not there, as 32 random bytes in base64url if nothing else is said. */
export async function secretIn(path: string, make: () => Promise<string> = randomSecret): Promise<string> {
  const known = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  if (known.trim() !== "") {
    await chmod(path, 0o600);
    return known.trim();
  }
  const secret = await make();
  await writeFile(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** The private key by which the mesh of this folder signs its snapshots; kept like a secret, and made like one. */
export const snapshotKeyIn = async (path: string): Promise<JWK> =>
  snapshotKeyFrom(await secretIn(path, async () => JSON.stringify(await newSnapshotKey())));

const randomSecret = async (): Promise<string> => randomBytes(32).toString("base64url");

/**
 * Makes the folder if need be, closes it to others, and holds it until what comes back is called: two runtimes on the same state would lock
 * each other out. Held by listening on a socket in it: the lock of a process that died is one that nobody answers at. Throws
 * `AlreadyRunning`, which names `who` holds it.
 */
export async function holdFolder(dir: string, who: string): Promise<() => void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
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
  throw new AlreadyRunning(`another ${who} runs on ${dir}`);
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
