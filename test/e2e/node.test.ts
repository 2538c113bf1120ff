import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HistoryResponse } from "../../mesh/api.ts";
import { ask } from "../support/http.ts";
import { pause } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { family, startNode, type Started, survivors } from "../support/start.ts";

let home: string;
let edge: number;
let control: number;
let upstream: Server;
let slowMs = 0;
/** The operator's, which the first start alone tells. */
let token = "";
const all: Started[] = [];
/** The one that is up. */
let running: Started;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "selvedge-node-"));
  [edge, control] = [await freePort(), await freePort()];
  upstream = createServer((request, response) => {
    setTimeout(() => response.end(String(request.headers["x-forwarded-for"])), slowMs);
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  upstream.close();
  for (const { pid, ended } of all) {
    const members = family(pid);
    if (members.length > 0) process.kill(pid, "SIGKILL");
    await ended;
    await survivors(members);
  }
  await rm(home, { recursive: true, force: true });
});

const begin = (dir: string, ...args: string[]): Started => {
  const ports = ["--listen", String(edge), "--control-listen", String(control)];
  const started = startNode("--dir", join(home, dir), ...ports, "--allow-reserved", ...args);
  all.push(started);
  return started;
};

async function ready(dir: string): Promise<void> {
  const started = begin(dir);
  await started.says("control  http");
  token = /selv_[\w-]{43}/.exec(started.output())?.[0] ?? token;
  running = started;
}

const authorization = () => ({ authorization: `Bearer ${token}`, "content-type": "application/json" });

/** A Backend that every apply changes, and its Service address. */
const manifest = (turn: number): string => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: upstream, namespace: shop, labels: { turn: "${turn}" } }
spec: { endpoints: [{ url: "http://127.0.0.1:${(upstream.address() as { port: number }).port}" }] }
`;

async function apply(turn: number): Promise<number> {
  const body = JSON.stringify({ files: [{ name: "node.yaml", text: manifest(turn) }], message: `turn ${turn}` });
  const answer = await ask({ port: control, path: "/v1/apply", method: "POST", headers: authorization(), body });
  if (answer.status !== 200) throw new Error(`apply answered ${answer.status}: ${answer.body}`);
  return (JSON.parse(answer.body) as { epoch: number }).epoch;
}

async function history(): Promise<HistoryResponse["items"]> {
  const { body } = await ask({ port: control, path: "/v1/history?limit=1000", headers: authorization() });
  return (JSON.parse(body) as HistoryResponse).items;
}

const throughEdge = () => ask({ port: edge, path: "/~upstream.shop/" });

test("nothing acknowledged is lost by kill -9 in the middle of applies, and the same folder serves on", async () => {
  await ready("node");
  const acknowledged: number[] = [];
  const applying = (async () => {
    for (let turn = 0; ; turn++) acknowledged.push(await apply(turn));
  })().catch(() => {});
  while (acknowledged.length < 5) await pause(5);
  const members = family(running.pid);
  running.signal("SIGKILL");
  await Promise.all([applying, running.ended]);
  expect(await survivors(members)).toEqual([]);

  await ready("node");
  const told = Number(/serving epoch (\d+)/.exec(running.output())?.[1]);
  const { status, body, headers } = await throughEdge();
  expect({ status, body, epoch: headers["selvedge-epoch"] }).toEqual({
    status: 200,
    body: "127.0.0.1",
    epoch: String(told),
  });
  const epochs = (await history()).map(({ epoch }) => epoch);
  expect(epochs).toEqual(expect.arrayContaining(acknowledged));
  // One more at most: committed, and its answer cut off.
  expect(told).toBeLessThanOrEqual(acknowledged.length + 1);
}, 30_000);

test("a second node on the folder, or on its ports, is told what to do", async () => {
  const other = begin("node");
  expect(await other.ended).toBe(1);
  expect(other.output()).toMatch(/error: another selvedge node runs on .*; stop it, or name another folder with --dir/);
  const elsewhere = begin("elsewhere");
  expect(await elsewhere.ended).toBe(1);
  expect(elsewhere.output()).toContain(`error: port ${edge} is in use; stop what holds it`);
});

test("its secrets are in no file, but for the keys of the mesh, which only their owner can read", async () => {
  const dir = join(home, "node");
  for (const file of ["mesh-key", "snapshot-key"]) expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600);
  const key = (await readFile(join(dir, "mesh-key"), "utf8")).trim();
  const { d } = JSON.parse(await readFile(join(dir, "snapshot-key"), "utf8")) as { readonly d: string };
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  const holding = [];
  for (const { parentPath, name } of files) {
    const text = await readFile(join(parentPath, name), "latin1");
    if ([token, key, d].some((secret) => text.includes(secret))) holding.push(name);
  }
  expect(holding.toSorted()).toEqual(["mesh-key", "snapshot-key"]);
});

test("stopped by SIGTERM it lets requests end; a backup made before serves from an empty folder with the same token", async () => {
  const backup = startNode("backup", join(home, "copy"), "--dir", join(home, "node"));
  expect(await backup.ended).toBe(0);

  slowMs = 600;
  const slow = throughEdge();
  await pause(200);
  running.signal("SIGTERM");
  expect((await slow).status).toBe(200);
  expect(await running.ended).toBe(0);
  slowMs = 0;

  const keys = (dir: string) =>
    Promise.all(["mesh-key", "snapshot-key"].map((file) => readFile(join(home, dir, file), "utf8")));
  const before = await keys("node");
  await ready("copy");
  expect((await throughEdge()).status).toBe(200);
  const epoch = (await history())[0]?.epoch ?? 0;
  expect(await apply(-1)).toBe(epoch + 1);
  expect(await keys("copy")).toEqual(before);
}, 30_000);
