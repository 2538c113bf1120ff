/** `-f FILE|DIR|-`: what the operator points at, as texts with the names that problems are reported against. */
import { readFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { SourceFile } from "../mesh/api.ts";
import { compareText } from "../mesh/problem.ts";
import { Failure } from "./failure.ts";

export const STDIN = "<stdin>";

/** Reads each path once, however often and by whatever way it is named. A directory is read whole, in sorted order. */
export async function readSources(paths: readonly string[]): Promise<SourceFile[]> {
  const seen = new Set<string>();
  const files: SourceFile[] = [];
  for (const path of paths) {
    for (const name of path === "-" ? [STDIN] : await filesOf(path)) {
      const key = name === STDIN ? name : resolve(name);
      if (seen.has(key)) continue;
      seen.add(key);
      files.push({ name, text: name === STDIN ? await readStdin() : await readText(name) });
    }
  }
  return files;
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(error.code === "ENOENT" ? `${path}: no such file or directory` : `${path}: ${error.message}`);
  });
  if (!found.isDirectory()) return [path];
  const inside = await readdir(path, { recursive: true, withFileTypes: true });
  const names = inside
    .filter((entry) => !entry.isDirectory() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(compareText);
  if (names.length === 0) throw new Failure(`${path}: no *.yaml, *.yml or *.json in this directory`);
  return names;
}

async function readText(name: string): Promise<string> {
  try {
    return await readFile(name, "utf8");
  } catch (error) {
    // A link to nowhere, a file that is another's, one that no string can hold.
    throw new Failure(`${name}: cannot be read (${(error as Error).message})`);
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
