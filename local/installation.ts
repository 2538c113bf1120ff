/** The folder `.selvedge`: what `npm start` keeps from run to run, and by which the CLI finds the local mesh. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JWK } from "jose";
import { holdFolder, secretIn, snapshotKeyIn } from "./folder.ts";
import type { Ports } from "./ports.ts";

export type Installation = {
  readonly dir: string;
  readonly token: string;
  /** The private JWK by which control signs snapshots. */
  readonly snapshotKey: JWK;
  /** Lets the next `npm start` have the folder. */
  readonly release: () => void;
};

/**
 * Opens the folder, or makes it with a token of its own, and holds it: two runtimes on the same state would lock each
 * other out. Throws `AlreadyRunning`. `fresh` forgets configuration and all other state, and keeps the token.
 */
export async function openInstallation(dir: string, { fresh }: { readonly fresh: boolean }): Promise<Installation> {
  const release = await holdFolder(dir, "npm start");
  if (fresh) await rm(join(dir, "state"), { recursive: true, force: true });
  const token = await secretIn(join(dir, "token"));
  return { dir, token, snapshotKey: await snapshotKeyIn(join(dir, "snapshot-key")), release };
}

/**
 * Stays when the mesh stops: without it the CLI, run here, would fall through to the operator's current context,
 * and a try-out would be applied to production.
 */
export async function writeLocal({ dir }: Installation, { control, edge }: Ports): Promise<void> {
  const local = { control: `http://127.0.0.1:${control}`, edge: `http://127.0.0.1:${edge}`, tokenFile: "token" };
  await writeFile(join(dir, "local.json"), `${JSON.stringify(local, null, 2)}\n`, { mode: 0o600 });
}
