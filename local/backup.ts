/** A copy of what a node keeps, taken while it runs or stands still: a folder that a node starts on. */
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";

/** The last one copied: control publishes anew what it says and the others do not have yet, but not the other way round. */
const TRUTH = "ConfigObject/";

/** Edges of before the backup believe those of after it by them. */
const KEYS = ["mesh-key", "snapshot-key"];

export class BackupRefused extends Error {}

/**
 * Copies each object as it is at one moment, by SQLite's own backup, into `to`, which is made and must be empty. How many files that were.
 * Throws `BackupRefused` when there is nothing to copy or `to` has something in it.
 */
export async function backupNode(dir: string, to: string): Promise<number> {
  const state = join(dir, "state");
  const found = (await readdir(state, { recursive: true }).catch(() => [])).filter((name) => name.endsWith(".sqlite"));
  if (found.length === 0) throw new BackupRefused(`${dir} is no folder of a node: there is nothing in ${state}`);
  await mkdir(to, { recursive: true, mode: 0o700 });
  if ((await readdir(to)).length > 0) throw new BackupRefused(`${to} is not empty; a backup is a folder of its own`);
  const inOrder = found.toSorted((a, b) => Number(a.startsWith(TRUTH)) - Number(b.startsWith(TRUTH)));
  for (const file of inOrder) {
    await mkdir(dirname(join(to, "state", file)), { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(join(state, file), { readOnly: true });
    try {
      await backup(database, join(to, "state", file));
    } finally {
      database.close();
    }
  }
  for (const key of KEYS) await copyFile(join(dir, key), join(to, key));
  return inOrder.length;
}
