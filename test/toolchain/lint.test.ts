/** Each rule that holds the architecture together, proven by a violation planted in a tree of the same shape. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
let tree: string;

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), "selvedge-lint-"));
  await symlink(join(ROOT, "node_modules"), join(tree, "node_modules"));
  for (const file of [".oxlintrc.json", "tsconfig.json", "package.json"])
    await copyFile(join(ROOT, file), join(tree, file));
  for (const folder of ["mesh", "durable-objects", "workers", "cli", "client"]) {
    await mkdir(join(tree, folder), { recursive: true });
    await copyFile(join(ROOT, folder, "tsconfig.json"), join(tree, folder, "tsconfig.json"));
  }
});
afterAll(async () => {
  await rm(tree, { recursive: true, force: true });
});

it.each<[what: string, files: Record<string, string>, tool: "oxlint" | "tsc", complaint: RegExp]>([
  ["a clock in mesh/", { "mesh/a.ts": "export const f = () => Date.now();" }, "oxlint", /mesh\/ is pure: take `now`/],
  [
    "chance in mesh/",
    { "mesh/a.ts": "export const f = () => Math.random();" },
    "oxlint",
    /mesh\/ is pure: take `random`/,
  ],
  ["fetch in mesh/", { "mesh/a.ts": 'export const f = () => fetch("http://x");' }, "tsc", /Cannot find name 'fetch'/],
  [
    "a timer in mesh/",
    { "mesh/a.ts": "export const f = () => setTimeout(() => {}, 1);" },
    "tsc",
    /Cannot find name 'setTimeout'/,
  ],
  ["a log in mesh/", { "mesh/a.ts": 'export const f = () => console.log("x");' }, "tsc", /Cannot find name 'console'/],
  [
    "the runtime in mesh/",
    { "mesh/a.ts": 'export * from "node:fs";' },
    "oxlint",
    /mesh\/ decides and imports nothing that runs/,
  ],
  [
    "an object in mesh/",
    { "mesh/a.ts": 'export * from "../durable-objects/b.ts";', "durable-objects/b.ts": "export const b = 1;" },
    "oxlint",
    /mesh\/ decides and imports nothing that runs/,
  ],
  [
    "a Worker in an object",
    {
      "durable-objects/a.ts": 'export * from "../workers/control/b.ts";',
      "workers/control/b.ts": "export const b = 1;",
    },
    "oxlint",
    /durable-objects import mesh\/ only/,
  ],
  [
    "control in the edge",
    { "workers/edge-proxy/a.ts": 'export * from "../control/b.ts";', "workers/control/b.ts": "export const b = 1;" },
    "oxlint",
    /edge and control meet only in mesh/,
  ],
  [
    "the edge in control",
    { "workers/control/a.ts": 'export * from "../edge-proxy/b.ts";', "workers/edge-proxy/b.ts": "export const b = 1;" },
    "oxlint",
    /edge and control meet only in mesh/,
  ],
  [
    "schemas in the edge",
    { "workers/edge-proxy/a.ts": 'export { z } from "zod";' },
    "oxlint",
    /schemas stay out of its bundle/,
  ],
  [
    "a Worker in the CLI",
    { "cli/a.ts": 'export * from "../workers/control/b.ts";', "workers/control/b.ts": "export const b = 1;" },
    "oxlint",
    /the CLI speaks to control over HTTP/,
  ],
  [
    "the mesh in the client",
    { "client/a.ts": 'export * from "../mesh/b.ts";', "mesh/b.ts": "export const b = 1;" },
    "oxlint",
    /the client is installed by services/,
  ],
  [
    "an import cycle",
    {
      "mesh/a.ts": 'export { b } from "./b.ts";\nexport const a = 1;',
      "mesh/b.ts": 'export { a } from "./a.ts";\nexport const b = 1;',
    },
    "oxlint",
    /no-cycle/,
  ],
  [
    "an import cycle of types alone",
    {
      "mesh/a.ts": 'import type { B } from "./b.ts";\nexport type A = { b?: B };',
      "mesh/b.ts": 'import type { A } from "./a.ts";\nexport type B = { a?: A };',
    },
    "oxlint",
    /no-cycle/,
  ],
  [
    "a floating promise",
    { "cli/a.ts": "const f = async () => 1;\nexport const g = () => {\n  f();\n};" },
    "oxlint",
    /no-floating-promises/,
  ],
  [
    "a switch that forgot a case",
    {
      "mesh/a.ts":
        'export function f(x: "a" | "b"): number {\n  let n = 0;\n  switch (x) {\n    case "a":\n      n = 1;\n  }\n  return n;\n}',
    },
    "oxlint",
    /switch-exhaustiveness-check/,
  ],
])("refuses %s", async (_, files, tool, complaint) => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(tree, name)), { recursive: true });
    await writeFile(join(tree, name), `${text}\n`);
  }
  try {
    const project = Object.keys(files)[0]!.split("/")[0]!;
    const args = tool === "tsc" ? ["-p", project] : ["--deny-warnings", ...Object.keys(files)];
    const failed = run(join(ROOT, "node_modules/.bin", tool), args, { cwd: tree }).then(
      () => "no complaint",
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    );
    expect(await failed).toMatch(complaint);
  } finally {
    for (const name of Object.keys(files)) await rm(join(tree, name));
  }
});
