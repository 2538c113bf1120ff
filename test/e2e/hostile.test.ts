/** What a hostile or broken caller, or a broken upstream, must not do to anyone else. */
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { streaming, type Upstream } from "../support/upstream.ts";

let mesh: TestMesh;
let up: Upstream;
let odd: Server;

/** As each path of the odd upstream answers. */
const ODD: Readonly<Record<string, string>> = {
  "/101": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  "/999": "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok",
  "/600": "HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok",
};

beforeAll(async () => {
  up = await streaming((request, response) => {
    let received = 0;
    request.on("error", () => {});
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (request.url === "/reset" && received > 1_000_000) request.socket.resetAndDestroy();
      if (request.url === "/early" && received === chunk.length) {
        response.writeHead(413, { "content-length": 6 }).write("abc");
        setTimeout(() => response.end("def"), 200);
      }
    });
    request.on("end", () => response.headersSent || response.end(String(received)));
  });
  odd = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => socket.write(ODD[data.toString().split(" ")[1] ?? ""] ?? ""));
  });
  await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
  mesh = await testMesh();
  await mesh.control.applied(
    retried +
      limited(up.url) +
      backend("up", up.url) +
      backend("odd", `http://127.0.0.1:${(odd.address() as AddressInfo).port}`),
  );
});
afterAll(async () => {
  await mesh?.close();
  await up?.close();
  odd?.close();
});

// The first of all: no body is watched yet.
it("a body that broke off is not tried again as if its part were the whole", async () => {
  for (let time = 0; time < 2; time++)
    expect(
      await send("PUT / HTTP/1.1\r\nHost: retried.test\r\nContent-Length: 10\r\n\r\nabc", { halfClose: true }),
    ).toMatch(/^HTTP\/1.1 400 [\s\S]*selvedge-cause: request-broken/);
});

it.each([
  ["a malformed chunk", "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false],
  ["chunks that end too soon", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true],
  ["less than its Content-Length", "Content-Length: 10\r\n\r\nabc", true],
])("a caller that sends %s is told so, and opens no breaker", async (_, rest, halfClose) => {
  // Whose fault the first one is remains unknown.
  await send(`POST /~up.shop/ HTTP/1.1\r\nHost: x\r\n${rest}`, { halfClose });
  for (let time = 0; time < 8; time++)
    expect(await send(`POST /~up.shop/ HTTP/1.1\r\nHost: x\r\n${rest}`, { halfClose })).toMatch(
      /^HTTP\/1.1 400 [\s\S]*selvedge-cause: request-broken/,
    );
  expect((await ask({ port: mesh.edge, path: "/~up.shop/" })).status).toBe(200);
});

it("an upstream that breaks the connection within an upload is to blame, and may answer before the end of it", async () => {
  const upload = { more: Buffer.alloc(200_000) };
  const head = (path: string) => `POST /~up.shop${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n`;
  expect(await send(head("/reset"), upload)).toMatch(/selvedge-cause: upstream-unreachable/);
  expect(await send(head("/early"), upload)).toMatch(/^HTTP\/1.1 413 [\s\S]*abcdef$/);
});

it.each(["x/evil", "x?a=b", "user:pw@x", "x#f", "x\\\\evil", "x:-1", "x, y", "x%00y", "[x]", "x\r\nHost: y"])(
  "a Host of %j is no host, and becomes no part of the path",
  async (host) => {
    const answer = await send(`GET /~up.shop/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`, {});
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*selvedge-cause: host-invalid/);
  },
);

it.each(Object.keys(ODD))("an upstream that answers %s, which is no answer, is invalid", async (path) => {
  const { status, headers } = await ask({ port: mesh.edge, path: `/~odd.shop${path}` });
  expect([status, headers["selvedge-cause"]]).toEqual([502, "upstream-invalid"]);
});

const many = (name: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${name}-${index}: v\r\n`).join("");

const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";
const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${"x".repeat(bytes)}\r\n`;

it.each<[string, string, string, Manner]>([
  ["more headers than it may", "431 headers-too-large", `${many("x-a", 20)}\r\n`, {}],
  ["larger headers than it may", "431 headers-too-large", `x-large: ${"x".repeat(1000)}\r\n\r\n`, {}],
  ["a body that says that it is too large", "413 body-too-large", "Content-Length: 201\r\n\r\n", {}],
  ["a body that turns out to be too large", "413 body-too-large", CHUNKED + chunk(150) + chunk(51), {}],
  ["a body that stalls", "408 body-too-slow", CHUNKED + chunk(1), {}],
  ["a body that stalls, of a known length", "408 body-too-slow", "Content-Length: 100\r\n\r\nx", {}],
  [
    "a body that only trickles in",
    "408 body-too-slow",
    CHUNKED + chunk(1),
    { more: Buffer.from(chunk(1)), everyMs: 50 },
  ],
  ["all that it may", "200 ", `${CHUNKED}${chunk(100)}${chunk(100)}0\r\n\r\n`, {}],
])("a route with limits that is sent %s answers %s", async (_, expected, rest, manner) => {
  const request = `POST /~limited.shop/ HTTP/1.1\r\nHost: x\r\n${rest}`;
  // Often enough to open a breaker, had it been the backend's fault.
  const answers = await Promise.all(Array.from({ length: 6 }, () => send(request, manner)));
  expect(answers.map(brief)).toEqual(answers.map(() => expected));
});

it("a route with limits refuses a long URL, and a slow body that the mesh itself is reading", async () => {
  const long = `/~limited.shop/${"x".repeat(90)}?y=${"z".repeat(20)}`;
  expect(brief(await send(`GET ${long} HTTP/1.1\r\nHost: x\r\n\r\n`, {}))).toBe("414 url-too-long");
  const keyed = 'POST /~limited.shop/ HTTP/1.1\r\nHost: x\r\nIdempotency-Key: "k"\r\n';
  expect(brief(await send(keyed + CHUNKED + chunk(1), {}))).toBe("408 body-too-slow");
  expect(brief(await send(`${keyed}${CHUNKED}${chunk(1)}0\r\n\r\n`, {}))).toBe("200 ");
});

/** The status and the cause. */
const brief = (answer: string): string => `${answer.slice(9, 12)} ${/^selvedge-cause: (\S+)/m.exec(answer)?.[1] ?? ""}`;

const limited = (url: string): string => `${backend("limited", url)}
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: limits, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: limited }]
  requestLimits:
    { headers: 20, headerBytes: 1000, urlBytes: 120, bodyBytes: 200, bodyIdle: 200ms, bodyTime: 400ms }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: IdempotencyPolicy
metadata: { name: limited, namespace: shop }
spec: { targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: limited }] }
---`;

const retried = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: shop }
spec: { gatewayClassName: selvedge, listeners: [{ name: http, protocol: HTTP, port: 80, hostname: retried.test }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: retried, namespace: shop }
spec:
  parentRefs: [{ name: web }]
  rules:
    - retry: { attempts: 2, codes: [503] }
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: up }]
---`;

const backend = (name: string, url: string): string => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]
  breaker: {}
---`;

type Manner = {
  /** Ends its own side after the bytes. */ readonly halfClose?: boolean;
  /** Sent again and again after the bytes. */ readonly more?: Buffer;
  /** Default 5. */ readonly everyMs?: number;
};

/** What came back within a second. */
async function send(bytes: string, { halfClose = false, more, everyMs = 5 }: Manner): Promise<string> {
  const socket = connect({ port: mesh.edge, host: "127.0.0.1", allowHalfOpen: true });
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  socket.on("error", () => {});
  socket.write(bytes);
  const sending = more && setInterval(() => socket.destroyed || socket.write(more), everyMs);
  await pause(100);
  if (halfClose) socket.end();
  for (const until = Date.now() + 1000; Date.now() < until && !socket.readableEnded;) {
    if ((!more || everyMs > 5) && answer.includes("\r\n\r\n")) break;
    await pause(20);
  }
  clearInterval(sending);
  socket.destroy();
  return answer;
}
