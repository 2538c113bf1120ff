import type { Command } from "commander";
import { readFile } from "node:fs/promises";
import { Failure } from "../failure.ts";
import { newSnapshotKey, publicKeys, snapshotKeyFrom } from "../snapshot-keys.ts";
import { print } from "../terminal.ts";

export function keysCommand(program: Command): void {
  const keys = program.command("keys").description("the keys by which snapshots are signed; nothing is sent anywhere");

  keys
    .command("create")
    .description("a new private key, for control's secret SNAPSHOT_KEY")
    .action(async () => print(JSON.stringify(await newSnapshotKey())));

  keys
    .command("public <file...>")
    .description("the public parts of the keys in these files, for the edges' SNAPSHOT_KEYS")
    .action(async (files: readonly string[]) => {
      const read = await Promise.all(files.map(keyIn));
      print(JSON.stringify(publicKeys(read)));
    });
}

async function keyIn(file: string) {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Failure(error.code === "ENOENT" ? `${file}: no such file or directory` : `${file}: ${error.message}`);
  });
  try {
    return snapshotKeyFrom(text);
  } catch (error) {
    throw new Failure(`${file} ${(error as Error).message}; selvedge keys create makes one`);
  }
}
