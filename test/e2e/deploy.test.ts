import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";

const DEPLOY = fileURLToPath(new URL("../../local/deploy.ts", import.meta.url));

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "selvedge-deploy-"));
});
afterAll(() => rm(home, { recursive: true }));

/** As on a machine that has never seen wrangler, and from a folder that is not the clone. */
function run(...args: string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [DEPLOY, ...args], {
    cwd: home,
    env: { PATH: process.env["PATH"], HOME: home, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += String(chunk)));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}

test("a dry run bundles all three Workers without an account; the edge's is small and holds no schemas", async () => {
  const { code, output } = await run("--dry-run", "--outdir", "bundles");
  expect({ code, output }).toMatchObject({ code: 0 });
  const bundle = (role: string): Promise<string> => readFile(join(home, "bundles", role, "index.js"), "utf8");
  const [edge, control, state] = await Promise.all([bundle("edge"), bundle("control"), bundle("state")]);
  expect(gzipSync(edge).byteLength).toBeLessThanOrEqual(120_000);
  const holding = { zod: /ZodError/, yaml: /YAMLParseError/ };
  for (const pattern of Object.values(holding)) expect(edge).not.toMatch(pattern);
  // The same patterns find them where they are.
  for (const pattern of Object.values(holding)) expect(control).toMatch(pattern);
  for (const name of ["BreakerObject", "RateLimitObject", "ConfigObject", "FleetObject", "CollectorObject"])
    expect(state).toMatch(new RegExp(`export ?\\{[^}]*\\b${name}\\b`));
});

test("without credentials nothing happens but a list of what is missing", async () => {
  const { code, output } = await run();
  expect(code).toBe(1);
  expect(output).toContain("nothing was deployed");
  for (const missing of ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "wrangler kv namespace create"])
    expect(output).toContain(missing);
});

test("an unknown option is a mistake of usage", async () => {
  const { code, output } = await run("--dryrun");
  expect({ code, output }).toEqual({ code: 64, output: expect.stringContaining("--dryrun") });
});
