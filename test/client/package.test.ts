/** What is published to services: JavaScript and its types, that run and compile without anything of the mesh. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";

const run = promisify(execFile);
const CLIENT = join(import.meta.dirname, "../../client");

it("builds to plain JavaScript that a Node without types can import, and depends on nothing", async () => {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-client-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await run(join(CLIENT, "../node_modules/.bin/tsc"), ["-p", join(CLIENT, "tsconfig.build.json"), "--outDir", dir]);
  await writeFile(join(dir, "package.json"), '{"type":"module"}');
  const program =
    'import * as a from "./index.js"; import * as b from "./undici.js"; console.log(Object.keys(a) + " " + Object.keys(b))';
  await writeFile(join(dir, "main.js"), program);
  const { stdout } = await run(process.execPath, [join(dir, "main.js")]);
  expect(stdout).toContain("meshFetch");
  expect(stdout).toContain("meshInterceptor");
  expect(await readFile(join(dir, "index.d.ts"), "utf8")).toContain("meshFetch");
  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(CLIENT, "package.json"), "utf8")) as Record<
    string,
    unknown
  >;
  expect([dependencies, peerDependencies]).toEqual([undefined, undefined]);
});

it("its fetch is under two hundred lines", async () => {
  const lines = await Promise.all(
    ["index.ts", "ways.ts", "verdict.ts"].map(async (file) =>
      (await readFile(join(CLIENT, file), "utf8")).split("\n").filter((line) => /^\s*[^\s/*]/.test(line)),
    ),
  );
  expect(lines.flat().length).toBeLessThan(200);
});
