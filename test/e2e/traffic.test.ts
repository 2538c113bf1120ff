/** What passes through the edge, byte by byte: RFC 9110 §7.6, streams, WebSocket, Gateway API's simple matches. */
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ask, open } from "../support/http.ts";
import { type TestMesh, testMesh } from "../support/mesh.ts";
import { acceptWebSocket } from "../support/websocket.ts";
import { streaming, type Upstream, upstream } from "../support/upstream.ts";

let mesh: TestMesh;
let echo: Upstream;
let other: Upstream;
let odd: Upstream;

const HOST = "shop.test";

beforeAll(async () => {
  mesh = await testMesh();
  echo = await upstream("echo", (request, response, { body, headers }) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    if (path === "/cookies") response.setHeader("set-cookie", ["a=1; Path=/", "b=2, still b; Path=/"]);
    if (path === "/hop") {
      response.setHeader("connection", "keep-alive, x-secret-hop");
      response.setHeader("x-secret-hop", "1");
      response.setHeader("proxy-authenticate", "Basic");
      response.setHeader("selvedge-cause", "forged");
      response.setHeader("x-kept", "yes");
    }
    if (path === "/redirect") return void response.writeHead(302, { location: "http://elsewhere.test/x" }).end();
    if (path.startsWith("/status/")) return void response.writeHead(Number(path.slice(8))).end();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ url: request.url, method: request.method, headers, body }));
  });
  other = await upstream("other", (_, response) => void response.setHeader("content-length", 5).end("other"));
  odd = await streaming((request, response) => {
    if (request.url === "/reset") return void request.socket.resetAndDestroy();
    if (request.url === "/slow") return;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    request.on("close", () => response.end());
  });
  await mesh.control.applied(manifests());
});

afterAll(async () => {
  await mesh?.close();
  await Promise.all([echo, other, odd].map((one) => one?.close()));
});

beforeEach(() => {
  echo.received.length = 0;
});

const get = (path: string, headers: Record<string, string | string[]> = {}) =>
  ask({ port: mesh.edge, host: HOST, path, headers });

describe("routing", () => {
  it.each([
    ["a prefix", "/any", {}, "echo"],
    ["a longer prefix", "/other/x", {}, "other"],
    ["a prefix by whole segments only", "/otherwise", {}, "echo"],
    ["a header", "/any", { "x-version": "two" }, "other"],
    ["the query", "/q?v=2", {}, "other"],
    ["another query", "/q?v=3", {}, "echo"],
  ])("matches by %s", async (_, path, headers, expected) => {
    const { status, body } = await get(path, headers as Record<string, string>);
    expect([status, body.startsWith("{") ? "echo" : body]).toEqual([200, expected]);
  });

  it("matches by method", async () => {
    const { body } = await ask({ port: mesh.edge, host: HOST, path: "/any", method: "DELETE" });
    expect(body).toBe("other");
  });

  it.each([
    ["no rule for the path", "GET", "strict.test", "/nothing"],
    ["no listener for the host", "GET", "unknown.test", "/"],
  ])("answers 404 with the cause when there is %s", async (_, method, host, path) => {
    const { status, headers, body } = await ask({ port: mesh.edge, host, path, method });
    expect([status, headers["selvedge-cause"], headers["content-type"]]).toEqual([
      404,
      "no-route",
      "application/problem+json",
    ]);
    expect(JSON.parse(body)).toMatchObject({ status: 404, cause: "no-route" });
  });

  it("answers 500 for a route without a valid backend", async () => {
    const { status, headers } = await get("/dangling");
    expect([status, headers["selvedge-cause"]]).toEqual([500, "no-backend"]);
  });

  it("splits by weight", async () => {
    const count = { echo: 0, other: 0 };
    for (let i = 0; i < 400; i++) count[(await get("/split")).body.startsWith("{") ? "echo" : "other"]++;
    // 75 % of 400 is 300, with a standard deviation of 8.7; five of those either way.
    expect(count.echo).toBeGreaterThan(256);
    expect(count.echo).toBeLessThan(344);
  });

  it("reaches a service in host form and in path form, and not in path form on a host that a Gateway names", async () => {
    const byHost = await ask({ port: mesh.edge, host: "echo.shop.mesh.localhost", path: "/a?b=c" });
    const byPath = await ask({ port: mesh.edge, path: "/~echo.shop/a?b=c" });
    expect([byHost, byPath].map(({ body }) => (JSON.parse(body) as { url: string }).url)).toEqual(["/a?b=c", "/a?b=c"]);
    const published = await ask({ port: mesh.edge, host: "strict.test", path: "/~echo.shop/a" });
    expect([published.status, published.headers["selvedge-cause"]]).toEqual([404, "no-route"]);
  });

  it("goes through a service binding, which keeps the host", async () => {
    const bound = await testMesh([{ services: { SERVICE_ECHO: `127.0.0.1:${echo.port}` } }]);
    try {
      await bound.control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: bound, namespace: shop }
spec: { endpoints: [{ binding: SERVICE_ECHO }] }
`);
      const { body } = await ask({ port: bound.edge, host: "bound.shop.mesh.localhost", path: "/x" });
      expect(JSON.parse(body)).toMatchObject({ url: "/x", headers: { host: "bound.shop.mesh.localhost" } });
    } finally {
      await bound.close();
    }
  });
});

describe("requests", () => {
  it("pass on method, path, query, headers and body as they came", async () => {
    const path = "/a/b%20c;d=e?x=1&x=2&y=%2F";
    await ask({
      port: mesh.edge,
      host: HOST,
      path,
      method: "POST",
      headers: { "x-one": "1", "content-type": "text/x" },
      body: "hello",
    });
    const [{ method, url, headers, body } = { method: "", url: "", headers: {}, body: "" }] = echo.received;
    expect({ method, url, body }).toEqual({ method: "POST", url: path, body: "hello" });
    expect(headers).toMatchObject({ "x-one": "1", "content-type": "text/x", "content-length": "5" });
  });

  it("lose what is meant for one hop: the standard headers, those that Connection names, and the mesh's own", async () => {
    await get("/x", {
      connection: "close, X-Foo, x-forwarded-for",
      "x-foo": "1",
      "x-forwarded-for": "10.0.0.1",
      "keep-alive": "timeout=5",
      "proxy-connection": "keep-alive",
      "proxy-authorization": "Basic x",
      te: "trailers",
      "selvedge-epoch": "99",
      "x-bar": "2",
    });
    const headers = echo.received[0]?.headers ?? {};
    const gone = ["x-foo", "keep-alive", "proxy-connection", "proxy-authorization", "te", "selvedge-epoch"];
    expect(gone.filter((name) => name in headers)).toEqual([]);
    // Named in Connection, the caller's own chain is gone; what the edge says of the caller is not.
    expect(headers).toMatchObject({ "x-bar": "2", "x-forwarded-for": "127.0.0.1" });
  });

  it("say where they have been", async () => {
    await get("/x", {
      "x-forwarded-for": "203.0.113.9",
      via: "1.0 fred",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "evil",
    });
    expect(echo.received[0]?.headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": HOST,
      forwarded: `for=127.0.0.1;host="${HOST}";proto=http`,
      via: "1.0 fred, 1.1 selvedge",
    });
  });

  const TRACE = "0af7651916cd43dd8448eb211c80319c";
  const parent = `00-${TRACE}-b7ad6b7169203331`;
  it.each<[string, Record<string, string | string[]>, boolean, string | undefined]>([
    ["that is sampled", { traceparent: `${parent}-03` }, true, "selvedge=SPAN"],
    [
      "with a list in several headers",
      { traceparent: `${parent}-00`, tracestate: ["foo=1,bar=2", "", "baz=3"] },
      true,
      "foo=1,bar=2,baz=3",
    ],
    ["with blanks around it", { traceparent: ` \t${parent}-00\t `, tracestate: "\tfoo=1\t" }, true, "foo=1"],
    ["of a later version", { TraceParent: `cc${parent.slice(2)}-00-more` }, true, undefined],
    [
      "with a list that breaks a rule",
      { traceparent: `${parent}-00`, tracestate: ["foo=1", "BAR=2"] },
      true,
      undefined,
    ],
    ["that is named twice", { traceparent: [`${parent}-00`, `${parent}-00`], tracestate: "foo=1" }, false, undefined],
    ["that is invalid", { traceparent: `${parent}-00-more`, tracestate: "foo=1" }, false, undefined],
    ["by B3", { b3: `${TRACE}-b7ad6b7169203331-0` }, true, undefined],
    ["of nobody", { baggage: "a=1;p, b=2" }, false, undefined],
  ])("continue a trace %s, or begin one", async (_, given, continued, list) => {
    await get("/any", given);
    const { traceparent = "", tracestate, baggage } = echo.received[0]!.headers;
    const [, trace = "", span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$/.exec(String(traceparent)) ?? [];
    expect([trace === TRACE, span === "b7ad6b7169203331"]).toEqual([continued, false]);
    expect(trace).not.toBe("");
    expect(tracestate).toBe(list === undefined ? undefined : list.replace("SPAN", span ?? ""));
    expect(baggage).toBe(given.baggage);
  });

  it("that go round are stopped, and one that has passed a few times is not", async () => {
    await mesh.control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: loop, namespace: shop }
spec: { endpoints: [{ url: "http://127.0.0.1:${mesh.edge}/~loop.shop" }] }
`);
    const round = await ask({ port: mesh.edge, path: "/~loop.shop/" });
    // The cause header is the mesh's own, which each hop takes from the answer of the next; the body says it.
    expect([round.status, (JSON.parse(round.body) as { cause: string }).cause]).toEqual([508, "loop-detected"]);
    expect((await get("/x", { via: "1.1 selvedge, 1.1 selvedge" })).status).toBe(200);
  });

  it("are not sent on as an Expect, whose 100 could be taken for the answer", async () => {
    const { status } = await ask({
      port: mesh.edge,
      host: HOST,
      path: "/x",
      method: "POST",
      headers: { expect: "100-continue" },
      body: "hello",
    });
    expect([status, echo.received[0]?.body, echo.received[0]?.headers.expect]).toEqual([200, "hello", undefined]);
  });

  it("of a method that the runtime cannot carry are refused, and so is a GET with a body", async () => {
    const trace = await raw(`TRACE /x HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    expect(trace).toMatch(/^HTTP\/1.1 501 /);
    const body = await raw(`GET /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`);
    expect(body).toMatch(/^HTTP\/1.1 400 [\s\S]*body-not-carried/);
    expect(echo.received).toEqual([]);
  });

  it("stream while they are being written", async () => {
    const seen: string[] = [];
    const slow = await streaming((request, response) => {
      request.on("data", (chunk: Buffer) => {
        seen.push(chunk.toString());
        if (seen.length === 1) socket.write("5\r\nworld\r\n0\r\n\r\n");
      });
      request.on("end", () => response.end("done"));
    });
    await mesh.control.applied(backend("slow", slow.url));
    const socket = connect(mesh.edge, "127.0.0.1");
    socket.write(
      "POST /~slow.shop/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n",
    );
    const answer = await text(socket);
    await slow.close();
    // The second half was sent only once the first had arrived: a proxy that buffers would hang here.
    expect([seen.join("|"), answer.split("\r\n")[0]]).toEqual(["hello|world", "HTTP/1.1 200 OK"]);
  });
});

describe("responses", () => {
  it("name the epoch that decided them", async () => {
    const { epoch } = await mesh.control.edges();
    expect((await get("/x")).headers["selvedge-epoch"]).toBe(String(epoch));
  });

  it("lose what was meant for one hop", async () => {
    const { headers } = await get("/hop");
    expect(["x-secret-hop", "proxy-authenticate", "selvedge-cause"].filter((name) => name in headers)).toEqual([]);
    expect(headers["x-kept"]).toBe("yes");
  });

  it("keep each Set-Cookie by itself", async () => {
    expect((await get("/cookies")).headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2, still b; Path=/"]);
  });

  it("that redirect are passed on, not followed", async () => {
    const { status, headers } = await get("/redirect");
    expect([status, headers.location]).toEqual([302, "http://elsewhere.test/x"]);
  });

  it.each([204, 304, 404, 503])("of status %i come through as they are", async (status) => {
    const answered = await get(`/status/${status}`);
    expect([answered.status, answered.body, "selvedge-cause" in answered.headers]).toEqual([status, "", false]);
  });

  it("to HEAD have a length and no body", async () => {
    const { status, headers, body } = await ask({ port: mesh.edge, host: HOST, path: "/other/x", method: "HEAD" });
    expect([status, headers["content-length"], body]).toEqual([200, "5", ""]);
  });

  it("stream as server-sent events do", async () => {
    const response = await open({ port: mesh.edge, path: "/~odd.shop/events" });
    const first = await new Promise<string>((resolve) =>
      response.once("data", (chunk: Buffer) => resolve(chunk.toString())),
    );
    response.destroy();
    expect([response.headers["content-type"], first]).toEqual(["text/event-stream", "data: 1\n\n"]);
  });

  it("are 502 when the upstream resets or refuses, and 504 when it is too slow", async () => {
    const reset = await ask({ port: mesh.edge, path: "/~odd.shop/reset" });
    const refused = await ask({ port: mesh.edge, path: "/~refused.shop/" });
    const slow = await get("/slow");
    expect([reset, refused, slow].map(({ status, headers }) => [status, headers["selvedge-cause"]])).toEqual([
      [502, "upstream-unreachable"],
      [502, "upstream-unreachable"],
      [504, "deadline-exceeded"],
    ]);
  });
});

describe("WebSocket", () => {
  it("passes frames and the closing handshake both ways", async () => {
    const server = await streaming((_, response) => response.writeHead(400).end());
    server.server.on("upgrade", (request, socket) =>
      acceptWebSocket(request.headers["sec-websocket-key"] ?? "", socket),
    );
    await mesh.control.applied(backend("ws", server.url));
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.edge}/~ws.shop/chat`);
    const received = await new Promise<unknown>((resolve, reject) => {
      socket.addEventListener("open", () => socket.send("hello"));
      socket.addEventListener("message", ({ data }) => resolve(data));
      socket.addEventListener("error", () => reject(new Error("the handshake failed")));
    });
    const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
    socket.close(4001, "bye");
    expect([received, await closed]).toEqual(["hello", 4001]);
    await server.close();
  });
});

function manifests(): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: shop }
spec:
  gatewayClassName: selvedge
  listeners:
    - { name: shop, port: 80, protocol: HTTP, hostname: ${HOST} }
    - { name: strict, port: 80, protocol: HTTP, hostname: strict.test }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, namespace: shop }
spec:
  parentRefs: [{ name: web, sectionName: shop }]
  rules:
    - backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: echo }]
    - matches:
        - path: { value: /other }
        - headers: [{ name: X-Version, value: two }]
        - queryParams: [{ name: v, value: "2" }]
        - method: DELETE
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: other }]
    - matches: [{ path: { value: /split } }]
      backendRefs:
        - { group: mesh.selvedge.dev, kind: Backend, name: echo, weight: 75 }
        - { group: mesh.selvedge.dev, kind: Backend, name: other, weight: 25 }
    - matches: [{ path: { value: /dangling } }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: nowhere }]
    - matches: [{ path: { value: /slow } }]
      timeouts: { request: 200ms }
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: odd }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: strict, namespace: shop }
spec:
  parentRefs: [{ name: web, sectionName: strict }]
  rules:
    - matches: [{ path: { type: Exact, value: /only } }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: echo }]
---${backend("echo", echo.url)}---${backend("other", other.url)}---${backend("odd", odd.url)}---${backend("refused", "http://127.0.0.1:9")}`;
}

function backend(name: string, url: string): string {
  return `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${url}" }] }
`;
}

async function raw(bytes: string): Promise<string> {
  const socket = connect(mesh.edge, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

async function text(socket: AsyncIterable<Buffer>): Promise<string> {
  let all = "";
  for await (const chunk of socket) all += chunk.toString("latin1");
  return all;
}
