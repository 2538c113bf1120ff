import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { firstBusy, portsFrom, type Ports } from "../../local/ports.ts";
import { ask } from "../support/http.ts";
import { freeBase } from "../support/ports.ts";
import { family, start, type Started, survivors } from "../support/start.ts";

const READY = "Ctrl-C stops everything.";
const HOST = "shop.localhost";

let home: string;
let dir: string;
let base: number;
let ports: Ports;
let all: Started[];

async function arrive(): Promise<void> {
  home = await mkdtemp(join(tmpdir(), "selvedge-start-"));
  dir = join(home, ".selvedge");
  base = await freeBase();
  ports = portsFrom(base);
  all = [];
}
async function leave(): Promise<void> {
  for (const { pid, ended } of all) {
    const members = family(pid);
    if (members.length > 0) process.kill(pid, "SIGKILL");
    await ended;
    await survivors(members);
  }
  await rm(home, { recursive: true, force: true });
}

function begin(...args: string[]): Started {
  const started = start("--port", String(base), "--dir", dir, ...args);
  all.push(started);
  return started;
}

async function ready(...args: string[]): Promise<Started> {
  const started = begin(...args);
  await started.says(READY);
  return started;
}

const json = async (asked: Parameters<typeof ask>[0]): Promise<unknown> => JSON.parse((await ask(asked)).body);

describe("one that runs, in this order:", () => {
  let started: Started;
  beforeAll(async () => {
    await arrive();
    started = await ready("--no-traffic");
  });
  afterAll(leave);

  test("every address that it prints answers", async () => {
    expect(await json({ port: ports.edge, host: HOST })).toMatchObject({
      service: "storefront",
      catalog: { service: "catalog", items: [{ item: "thread" }, { item: "needle" }] },
    });
    expect(await json({ port: ports.edge, host: HOST, path: "/checkout", method: "POST" })).toMatchObject({
      order: { service: "checkout", payment: { service: "payments", charged: 3 } },
    });
    expect(await json({ port: ports.edge, host: HOST, headers: { "x-canary": "yes" } })).toMatchObject({
      catalog: { version: "v2", offer: expect.any(String) },
    });
    expect(await json({ port: ports.edge, path: "/~catalog.shop/items" })).toMatchObject({ service: "catalog" });
    for (const line of [
      `http://127.0.0.1:${ports.edge}/`,
      `http://127.0.0.1:${ports.control}/v1/edges`,
      join(dir, "shop"),
    ])
      expect(started.output()).toContain(line);
  });

  test("control answers nobody without the token, which only its owner can read and nobody prints", async () => {
    const token = (await readFile(join(dir, "token"), "utf8")).trim();
    expect(started.output()).not.toContain(token);
    expect((await stat(join(dir, "token"))).mode & 0o777).toBe(0o600);
    const path = "/v1/history";
    expect((await ask({ port: ports.control, path })).status).toBe(401);
    const authorization = `Bearer ${token}`;
    expect((await ask({ port: ports.control, path, headers: { authorization } })).status).toBe(200);
  });

  test("a second start on the same folder is refused, and the first goes on", async () => {
    const second = begin("--port", String(await freeBase()), "--fresh");
    expect(await second.ended).toBe(1);
    expect(second.output()).toBe(`error: another npm start runs on ${dir}\n`);
    expect(await json({ port: ports.edge, host: HOST })).toMatchObject({ service: "storefront" });
  });

  test("a service that dies by itself is told of once, and stopping is still a success", async () => {
    const payments = family(started.pid).find(({ command }) => command.includes(`payments ${ports.payments}`));
    process.kill(payments!.pid, "SIGKILL"); // every service is running once it is ready
    await started.says("payments v1");
    started.signal("SIGINT", "group");
    expect(await started.ended).toBe(0);
    expect(started.output().split(READY)[1]).toMatch(/^\s*[\d:]+ {2}payments v1 \(port \d+\) ended: SIGKILL[^\n]*\n$/);
  });
});

describe("stopping", () => {
  beforeEach(arrive);
  afterEach(leave);

  test.each([
    { signal: "SIGINT", to: "process" },
    { signal: "SIGINT", to: "group" },
    { signal: "SIGTERM", to: "process" },
    { signal: "SIGTERM", to: "group" },
    { signal: "SIGHUP", to: "process" },
  ] as const)(
    "by $signal to the $to is a success that leaves no process and no port behind",
    async ({ signal, to }) => {
      const started = await ready();
      const members = family(started.pid);
      // Five services, workerd and its watcher, at the least.
      expect(members.length).toBeGreaterThanOrEqual(8);
      started.signal(signal, to);
      expect(await started.ended).toBe(0);
      expect(await survivors(members)).toEqual([]);
      expect(await firstBusy(ports)).toBeUndefined();
      expect(started.output().split(READY)[1]?.trim()).toBe("");
    },
  );

  test("while it boots leaves nothing behind either", async () => {
    const started = begin();
    while (!family(started.pid).some(({ command }) => command.includes("service.ts")))
      await new Promise((resolve) => setTimeout(resolve, 5));
    started.signal("SIGINT", "group");
    expect(await started.ended).toBe(0);
    expect(started.output()).toBe("");
    expect(await firstBusy(ports)).toBeUndefined();
  });
});

describe("one folder, in this order:", () => {
  let started: Started;
  beforeAll(arrive);
  afterAll(leave);

  test("after a kill nothing holds the ports, and the next start goes on where it was", async () => {
    const killed = await ready("--no-traffic");
    const members = family(killed.pid);
    killed.signal("SIGKILL");
    expect(await killed.ended).toBe("SIGKILL");
    expect(await survivors(members)).toEqual([]);
    started = await ready("--no-traffic");
    expect(started.output()).toContain("as epoch 1 (unchanged)");
  });

  test("a fresh start forgets what was applied and keeps the token", async () => {
    const token = await readFile(join(dir, "token"), "utf8");
    started.signal("SIGTERM");
    await started.ended;
    started = await ready("--no-traffic", "--fresh");
    expect(started.output()).toMatch(/as epoch 1 \((\d+) of \1 resources changed\)/);
    expect(await readFile(join(dir, "token"), "utf8")).toBe(token);
  });

  test("stopping it twice at once, as npm does it, is no other than once", async () => {
    started.signal("SIGINT", "group");
    started.signal("SIGINT");
    expect(await started.ended).toBe(0);
    expect(await firstBusy(ports)).toBeUndefined();
  });
});

describe("one that cannot start, or what is behind it fails:", () => {
  beforeEach(arrive);
  afterEach(leave);

  test.each(["edge", "control", "payments"] as const)(
    "a busy port for %s is one line that names it and the way out, and nothing is left running",
    async (role) => {
      const holder = createServer().listen(ports[role], "127.0.0.1");
      await once(holder, "listening");
      const started = begin();
      expect(await started.ended).toBe(1);
      expect(started.output()).toMatch(
        new RegExp(`^error: port ${ports[role]}, for [^\\n]*${role}, is in use; [^\\n]* --port \\d+\\n$`),
      );
      holder.close();
      expect(await firstBusy(ports)).toBeUndefined();
    },
  );

  test("traffic that fails is told of in one line every ten seconds, with the mesh's own cause", async () => {
    const started = await ready();
    const broken = await ask({ port: ports.payments, path: "/_break?status=503&for=1m", method: "POST" });
    expect(broken.status).toBe(200);
    await started.says(/traffic: .*breaker-open.*\n/);
    const lines = started.output().split(READY)[1]?.trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines?.[0]).toMatch(
      /traffic: \d+ of \d+ requests failed in the last 10 s \(.*\d+ x POST \/checkout 503 breaker-open/,
    );
    await ask({ port: ports.payments, path: "/_mend", method: "POST" });
  });
});

test.each([
  { args: ["--help"], code: 0, says: "--no-traffic" },
  { args: ["--ports", "1"], code: 64, says: "Unknown option '--ports'" },
  { args: ["--port", "0"], code: 64, says: "--port takes a number from 1 to 65527" },
  { args: ["--port", "65530"], code: 64, says: "--port takes a number from 1 to 65527" },
  { args: ["stray"], code: 64, says: "stray" },
])("$args ends with $code", async ({ args, code, says }) => {
  const started = start(...args);
  expect(await started.ended).toBe(code);
  expect(started.output()).toContain(says);
});
