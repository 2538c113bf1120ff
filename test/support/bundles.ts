/** The Workers, bundled once for all files of end-to-end tests and for the processes that they start. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, BUNDLES, type Role } from "../../local/bundle.ts";

export default async function setup(): Promise<() => Promise<void>> {
  // Another project's files have them made already.
  if (process.env[BUNDLES] !== undefined) return async () => {};
  const dir = await mkdtemp(join(tmpdir(), "selvedge-bundles-"));
  const roles: readonly Role[] = ["edge", "control", "state"];
  await Promise.all(roles.map(async (role) => writeFile(join(dir, `${role}.js`), await bundle(role))));
  process.env[BUNDLES] = dir;
  return async () => {
    delete process.env[BUNDLES];
    await rm(dir, { recursive: true, force: true });
  };
}
