import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AlreadyRunning } from "../../local/folder.ts";
import { openInstallation, writeLocal } from "../../local/installation.ts";
import { portsFrom } from "../../local/ports.ts";

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "selvedge-installation-"));
  dir = join(parent, ".selvedge");
});
afterEach(() => rm(parent, { recursive: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const open = async (fresh = false): Promise<string> => {
  const { token, release } = await openInstallation(dir, { fresh });
  release();
  return token;
};

test("the first start makes a folder and a token of 32 bytes that only its owner can read", async () => {
  const token = await open();
  expect(Buffer.from(token, "base64url")).toHaveLength(32);
  expect(await readFile(join(dir, "token"), "utf8")).toBe(`${token}\n`);
  expect([await modeOf(dir), await modeOf(join(dir, "token"))]).toEqual([0o700, 0o600]);
});

test("the first start makes a key that signs snapshots, which only its owner can read and later starts keep", async () => {
  const { snapshotKey, release } = await openInstallation(dir, { fresh: false });
  release();
  expect(snapshotKey).toMatchObject({ kty: "OKP", crv: "Ed25519", d: expect.any(String), kid: expect.any(String) });
  expect(await modeOf(join(dir, "snapshot-key"))).toBe(0o600);
  const again = await openInstallation(dir, { fresh: true });
  again.release();
  expect(again.snapshotKey).toEqual(snapshotKey);
});

test("later starts keep the token, and two installations have two", async () => {
  const token = await open();
  expect(await open()).toBe(token);
  dir = join(parent, "another");
  expect(await open()).not.toBe(token);
});

test("a token that others could read is closed to them again", async () => {
  await open();
  await chmod(join(dir, "token"), 0o644);
  await open();
  expect(await modeOf(join(dir, "token"))).toBe(0o600);
});

test("a fresh start forgets the state and keeps the token", async () => {
  const token = await open();
  await mkdir(join(dir, "state"));
  await writeFile(join(dir, "state", "something"), "");
  expect(await open(true)).toBe(token);
  await expect(access(join(dir, "state"))).rejects.toThrow("ENOENT");
});

test("local.json names control, edge and the token's file, and no token", async () => {
  const installation = await openInstallation(dir, { fresh: false });
  await writeLocal(installation, portsFrom(9000));
  installation.release();
  expect(JSON.parse(await readFile(join(dir, "local.json"), "utf8"))).toEqual({
    control: "http://127.0.0.1:9001",
    edge: "http://127.0.0.1:9000",
    tokenFile: "token",
  });
});

test("a folder in use is refused, and its state is left alone even by a fresh start", async () => {
  const { release } = await openInstallation(dir, { fresh: false });
  await mkdir(join(dir, "state"));
  await expect(openInstallation(dir, { fresh: true })).rejects.toThrow(AlreadyRunning);
  await access(join(dir, "state"));
  release();
  await open();
});

test("a folder whose holder was killed is free again", async () => {
  await mkdir(dir);
  const holder = spawn(process.execPath, [
    "-e",
    "require('net').createServer().listen(process.argv[1], () => console.log('held'))",
    join(dir, "running"),
  ]);
  await once(holder.stdout, "data");
  await expect(openInstallation(dir, { fresh: false })).rejects.toThrow(AlreadyRunning);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  await access(join(dir, "running"));
  await open();
});
