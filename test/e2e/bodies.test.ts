/** Bodies that no policy asks for are not held: memory stays flat, and slow callers are no one else's business. */
import { readFileSync } from "node:fs";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, open } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { streaming, type Upstream } from "../support/upstream.ts";

const GIB = 1024 ** 3;
const CHUNK = Buffer.alloc(256 * 1024, "x");
/** What workerd may keep of a stream in flight, and its heap's own breathing; a sixteenth of what passes. */
const FLAT = 64 * 1024 * 1024;

let mesh: TestMesh;
let up: Upstream;

beforeAll(async () => {
  up = await streaming((request, response) => {
    if (request.url === "/down") {
      response.writeHead(200, { "content-length": GIB });
      let left = GIB;
      const more = (): void => {
        while (left > 0) {
          left -= CHUNK.length;
          if (!response.write(CHUNK)) return void response.once("drain", more);
        }
        response.end();
      };
      return more();
    }
    if (request.url === "/slow") return void setTimeout(() => response.end("slow"), 3000);
    if (request.url === "/fast") return void response.end("fast");
    let received = 0;
    request.on("data", (chunk: Buffer) => (received += chunk.length));
    request.on("end", () => response.end(String(received)));
  });
  mesh = await testMesh();
  await mesh.control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: up, namespace: shop }
spec: { endpoints: [{ url: "${up.url}" }] }
`);
});
afterAll(async () => {
  await mesh?.close();
  await up?.close();
});

it("streams a response of 1 GiB with flat memory", { timeout: 120_000 }, async () => {
  const peak = await peakGrowth(async () => {
    const response = await open({ port: mesh.edge, path: "/~up.shop/down" });
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).length;
    expect(received).toBe(GIB);
  });
  expect(peak).toBeLessThan(FLAT);
});

it("streams a request of 1 GiB with flat memory", { timeout: 120_000 }, async () => {
  const peak = await peakGrowth(async () => {
    const socket = connect(mesh.edge, "127.0.0.1");
    socket.write(`POST /~up.shop/up HTTP/1.1\r\nHost: x\r\nContent-Length: ${GIB}\r\nConnection: close\r\n\r\n`);
    for (let left = GIB; left > 0; left -= CHUNK.length)
      if (!socket.write(CHUNK)) await new Promise((resolve) => socket.once("drain", resolve));
    let answer = "";
    for await (const chunk of socket) answer += (chunk as Buffer).toString();
    expect(answer).toMatch(new RegExp(`\r\n\r\n.*${GIB}`, "s"));
  });
  expect(peak).toBeLessThan(FLAT);
});

it("holds a fast upstream back to the pace of a slow reader", async () => {
  const response = await open({ port: mesh.edge, path: "/~up.shop/down" });
  const before = workerdMemory();
  await new Promise((resolve) => response.once("readable", resolve));
  await pause(1500);
  expect(workerdMemory() - before).toBeLessThan(FLAT);
  response.destroy();
});

it("answers a fast request at its usual pace among 1,000 slow ones", async () => {
  const fast = async () => {
    const before = performance.now();
    expect((await ask({ port: mesh.edge, path: "/~up.shop/fast" })).body).toBe("fast");
    return performance.now() - before;
  };
  await fast();
  const slow = Array.from({ length: 1000 }, () => ask({ port: mesh.edge, path: "/~up.shop/slow" }));
  // Once all of them have been sent and wait.
  await expect.poll(() => connections(), { timeout: 10_000 }).toBeGreaterThanOrEqual(1000);
  const times: number[] = [];
  for (let i = 0; i < 20; i++) times.push(await fast());
  const answered = await Promise.all(slow);
  expect(answered.every(({ status, body }) => status === 200 && body === "slow")).toBe(true);
  expect(times.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
});

function connections(): Promise<number> {
  return new Promise((resolve, reject) =>
    up.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

/** The most by which workerd's resident memory grew while `work` ran. */
async function peakGrowth(work: () => Promise<void>): Promise<number> {
  const before = workerdMemory();
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, workerdMemory() - before)), 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

/** Resident bytes of the workerd that this process started. */
function workerdMemory(): number {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === process.pid);
  const workerd = children.find((pid) => read(`/proc/${pid}/comm`).trim() === "workerd");
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${workerd}/status`))?.[1];
  if (kilobytes === undefined) throw new Error("no workerd among this process's children");
  return Number(kilobytes) * 1024;
}

const parentOf = (pid: string): number => Number(/PPid:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]);

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // the process ended meanwhile
  }
}
