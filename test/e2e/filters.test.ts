/** What HTTPRoute rules do to a request beside routing it, on the real edge: patterns, mirrors, CORS, sessions, retries. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MirrorsResponse } from "../../mesh/api.ts";
import { ask } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

let mesh: TestMesh;
let one: Upstream;
let two: Upstream;
let dead: Upstream;
let first: Upstream;
let second: Upstream;

const HOST = "shop.test";

beforeAll(async () => {
  mesh = await testMesh();
  one = await upstream("one", (request, response) => {
    if (request.url === "/cors/open") {
      response.setHeader("access-control-allow-origin", "*");
      response.setHeader("access-control-allow-methods", "*");
      response.setHeader("vary", "accept");
    }
    response.end("one");
  });
  const failed = new Map<string, number>();
  two = await upstream("two", (request, response) => {
    const {
      mode = "",
      failures = "0",
      id = "",
    } = Object.fromEntries(new URL(request.url ?? "/", "http://two").searchParams);
    const before = failed.get(id) ?? 0;
    if (before >= Number(failures)) return void response.end("two");
    failed.set(id, before + 1);
    if (mode === "reset") return void request.socket.resetAndDestroy();
    if (mode !== "slow") response.writeHead(Number(mode)).end("failed");
  });
  // Takes requests and never answers.
  dead = await upstream("dead", () => {});
  const item = (path: string | undefined, at: number, price: number) => {
    const body = JSON.stringify({ path, at, price });
    return { headers: { "content-type": "application/json", "content-length": body.length }, body };
  };
  first = await upstream("first", ({ url }, response) => {
    const { headers, body } = item(url, 1, 100);
    response.writeHead(200, headers).end(body);
  });
  second = await upstream("second", ({ url }, response) => {
    const { headers, body } = item(url, 2, url === "/compare/price" ? 99 : 100);
    if (url === "/compare/gone") return void response.writeHead(404).end();
    response.writeHead(200, headers).end(body);
  });
  await mesh.control.applied(manifests());
});

afterAll(async () => {
  await mesh?.close();
  await Promise.all([one, two, dead, first, second].map((each) => each?.close()));
});

beforeEach(() => {
  for (const { received } of [one, two, dead]) received.length = 0;
});

const get = (path: string, headers: Record<string, string> = {}) => ask({ port: mesh.edge, host: HOST, path, headers });
const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  ask({ port: mesh.edge, host: HOST, path, method: "POST", body, headers });

describe("a regular expression", () => {
  it.each([
    ["takes a path that matches whole", "/regex/12", {}, "two"],
    ["leaves a path that matches in part", "/regex/12/x", {}, "one"],
    ["takes a header's value", "/any", { "x-version": "v12" }, "two"],
    ["leaves another value", "/any", { "x-version": "12" }, "one"],
    ["takes the query", "/any?q=ab", {}, "two"],
  ])("%s", async (_, path, headers, expected) => {
    expect((await get(path, headers)).body).toBe(expected);
  });

  it("that is none is refused with its place, and changes nothing", async () => {
    const { epoch } = await mesh.control.edges();
    const bad = route("bad", "{ matches: [{ path: { type: RegularExpression, value: '/a/(?=b)' } }] }");
    await expect(mesh.control.apply(bad)).rejects.toThrow(/"line":7,"col":58\},"code":"invalid-value"/);
    expect((await mesh.control.edges()).epoch).toBe(epoch);
  });
});

describe("a mirror", () => {
  it("gets what the primary gets, and its answer is nobody's", async () => {
    const { body } = await post("/mirror/x?a=b", "hello", { "content-type": "text/x" });
    await expect.poll(() => two.received.length).toBe(1);
    expect(body).toBe("one");
    const seen = [one, two].map(({ received }) => received[0]);
    expect(seen.map((request) => [request?.method, request?.url, request?.body, request?.headers["x-added"]])).toEqual([
      ["POST", "/rewritten/x?a=b", "hello", "1"],
      ["POST", "/rewritten/x?a=b", "hello", "1"],
    ]);
    expect(seen.map((request) => request?.headers["content-length"])).toEqual(["5", "5"]);
  });

  it("that does not answer delays nothing", async () => {
    const before = performance.now();
    expect((await get("/mirror-dead")).body).toBe("one");
    expect(performance.now() - before).toBeLessThan(1000);
    await expect.poll(() => dead.received.length).toBe(1);
  });

  it("of two gets one each, on the backendRef too", async () => {
    expect((await get("/mirrors")).body).toBe("one");
    await expect.poll(() => [two.received.length, dead.received.length]).toEqual([1, 1]);
  });

  it("is left out for a body that is too large to copy, which the primary gets whole", async () => {
    const large = "x".repeat(70_000);
    expect((await post("/mirror/large", large)).body).toBe("one");
    await get("/mirror/after");
    await expect.poll(() => two.received.map(({ url }) => url)).toEqual(["/rewritten/after"]);
    expect(one.received[0]?.body.length).toBe(70_000);
  });
});

describe("a mirror whose answers are compared", () => {
  const told = async () => (await mesh.control.call("GET", "/v1/mirrors?name=compare")).json as MirrorsResponse;

  it("changes nothing for the caller, and what it answers otherwise is counted and shown", async () => {
    for (const path of ["/compare/same", "/compare/same", "/compare/price", "/compare/gone"]) {
      const { body, headers } = await get(path);
      expect([JSON.parse(body), headers["content-length"]]).toEqual([{ path, at: 1, price: 100 }, String(body.length)]);
    }
    expect((await get("/compare-dead")).status).toBe(200);
    const counts = async () =>
      (await told()).items.map(({ rule: name, mirror, same, different, failed }) => [
        name,
        mirror,
        same,
        different,
        failed,
      ]);
    await expect.poll(counts, { timeout: 10_000 }).toEqual([
      ["shop/compare/0", "Backend/shop/second", 2, 2, 0],
      ["shop/compare/1", "Backend/shop/refusing", 0, 0, 1],
    ]);
    const [{ samples }] = (await told()).items as [MirrorsResponse["items"][number]];
    expect(Object.fromEntries(samples.map(({ path, differences }) => [path, differences]))).toEqual({
      "/compare/gone": [
        { at: "status", primary: "200", mirror: "404" },
        { at: "header content-type", primary: '"application/json"', mirror: "absent" },
        { at: "kind of body", primary: '"JSON"', mirror: '"not JSON"' },
      ],
      "/compare/price": [{ at: "/price", primary: "100", mirror: "99" }],
    });
  });
});

describe("CORS", () => {
  const origin = "https://www.foo.test";
  const preflight = (path: string, headers: Record<string, string> = {}) =>
    ask({
      port: mesh.edge,
      host: HOST,
      path,
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "PUT", ...headers },
    });

  it("answers a preflight itself, without spending the limit that stands below", async () => {
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await preflight("/cors", { "access-control-request-headers": "x-a, x-b" });
      expect([status, headers["access-control-allow-origin"], headers["access-control-allow-methods"]]).toEqual([
        204,
        origin,
        "PUT, DELETE",
      ]);
      expect(headers).toMatchObject({
        "access-control-allow-headers": "x-a",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "60",
        vary: "origin, access-control-request-method, access-control-request-headers",
      });
    }
    expect(one.received).toEqual([]);
  });

  it("answers a preflight of another origin without permission", async () => {
    const { status, headers } = await preflight("/cors", { origin: "https://evil.test" });
    expect([status, Object.keys(headers).filter((name) => name.startsWith("access-control-"))]).toEqual([204, []]);
  });

  it("says on an answer what the policy says, in place of what the upstream says", async () => {
    const { headers } = await get("/cors/open", { origin });
    expect(headers).toMatchObject({ "access-control-allow-origin": origin, "access-control-expose-headers": "x-c" });
    expect(headers["access-control-allow-methods"]).toBeUndefined();
    expect(headers.vary).toBe("accept, origin");
    const other = (await get("/cors/open", { origin: "https://evil.test" })).headers;
    expect([other["access-control-allow-origin"], other.vary]).toEqual([undefined, "accept, origin"]);
  });

  it("lets the page read the mesh's own refusals", async () => {
    const { status, headers } = await get("/cors-nowhere", { origin });
    expect([status, headers["selvedge-cause"], headers["access-control-allow-origin"]]).toEqual([
      500,
      "no-backend",
      origin,
    ]);
  });
});

describe("a session", () => {
  const tokenOf = (headers: { "set-cookie"?: string[] | undefined }): string =>
    headers["set-cookie"]?.[0]?.split(";")[0] ?? "";

  it("by cookie stays with the backend that it began with, and callers without one are spread", async () => {
    const firsts = await Promise.all(Array.from({ length: 40 }, () => get("/session/x")));
    expect(new Set(firsts.map(({ body }) => body))).toEqual(new Set(["one", "two"]));
    for (const first of firsts.slice(0, 5)) {
      expect(first.headers["set-cookie"]?.[0]).toMatch(
        /^session-[\w-]{8}=[\w-]{22}; Path=\/session; HttpOnly; SameSite=Strict$/,
      );
      for (let i = 0; i < 5; i++) {
        const next = await get("/session/y", { cookie: tokenOf(first.headers) });
        expect([next.body, next.headers["set-cookie"]]).toEqual([first.body, undefined]);
      }
    }
  });

  it("by header does the same", async () => {
    const first = await get("/session-header");
    const token = String(first.headers["x-session"]);
    for (let i = 0; i < 10; i++) expect((await get("/session-header", { "x-session": token })).body).toBe(first.body);
  });

  it("outlives its backend's weight, and ends with the backend", async () => {
    const moving = (refs: string) => route("moving", rule("/moving", "sessionPersistence: {}", refs));
    await mesh.control.applied(moving(ref("two")));
    const cookie = tokenOf((await get("/moving")).headers);
    await mesh.control.applied(moving(`${ref("two", ", weight: 0")}, ${ref("one")}`));
    expect([(await get("/moving", { cookie })).body, (await get("/moving")).body]).toEqual(["two", "one"]);
    await mesh.control.applied(moving(ref("one")));
    const last = await get("/moving", { cookie });
    expect([last.body, tokenOf(last.headers) === cookie, tokenOf(last.headers)]).toEqual([
      "one",
      false,
      expect.stringMatching(/^session-/),
    ]);
  });
});

describe("a retry", () => {
  /** `failures` answers of `mode` (a status, `reset` or `slow`), and then the real one. */
  const flaky = (path: string, mode: string, failures: number, method = "GET") =>
    ask({
      port: mesh.edge,
      host: HOST,
      path: `${path}?mode=${mode}&failures=${failures}&id=${path}-${mode}-${failures}-${method}`,
      method,
      ...(method === "GET" ? {} : { body: "hello" }),
    });
  const seen = ({ status, headers, body }: Awaited<ReturnType<typeof ask>>) => [
    status,
    headers["selvedge-cause"],
    headers["selvedge-attempts"],
    status === 200 ? body : "",
    two.received.length,
  ];

  it.each<[string, Parameters<typeof flaky>, unknown[]]>([
    ["after a code that is named", ["/retry", "500", 2], [200, undefined, "3", "two", 3]],
    ["not beyond the attempts", ["/retry", "500", 9], [500, undefined, "3", "", 3]],
    ["not after another code", ["/retry", "503", 1], [503, undefined, undefined, "", 1]],
    ["after a connection that broke", ["/retry", "reset", 2], [200, undefined, "3", "two", 3]],
    ["not for ever", ["/retry", "reset", 9], [503, "retries-exhausted", "3", "", 3]],
    ["with the body once more", ["/retry", "500", 1, "PUT"], [200, undefined, "2", "two", 2]],
    ["never of a POST", ["/retry", "500", 1, "POST"], [500, undefined, undefined, "", 1]],
    ["never of a POST that broke", ["/retry", "reset", 1, "POST"], [502, "upstream-unreachable", undefined, "", 1]],
    ["after a try that took its time", ["/retry-slow", "slow", 2], [200, undefined, "3", "two", 3]],
    ["of tries that all took theirs, with 504", ["/retry-slow", "slow", 9], [504, "deadline-exceeded", "3", "", 3]],
  ])("is made %s", async (_, asked, expected) => {
    expect(seen(await flaky(...asked))).toEqual(expected);
    expect(new Set(two.received.map(({ body }) => body))).toEqual(new Set([asked[3] === undefined ? "" : "hello"]));
  });

  it("ends with the time of the whole request", async () => {
    const before = performance.now();
    const { status, headers } = await flaky("/retry-short", "slow", 9);
    expect([status, headers["selvedge-cause"]]).toEqual([504, "deadline-exceeded"]);
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it("waits at least as long as its backoff", async () => {
    const before = performance.now();
    expect((await flaky("/retry-later", "500", 2)).status).toBe(200);
    // 100 ms, then 200.
    expect(performance.now() - before).toBeGreaterThanOrEqual(299);
  });
});

const ref = (name: string, more = "") => `{ group: mesh.selvedge.dev, kind: Backend, name: ${name}${more} }`;

const route = (name: string, ...rules: string[]): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ name: web }]
  rules: [${rules.join(", ")}]
`;

const backend = (name: string, url: string): string => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${url}" }] }
`;

/** A rule below `/path` that sends to `one` unless it says otherwise. */
const rule = (path: string, more: string, refs = ref("one")): string =>
  `{ matches: [{ path: { value: ${path} } }], backendRefs: [${refs}], ${more} }`;

const mirrorTo = (name: string): string => `{ type: RequestMirror, requestMirror: { backendRef: ${ref(name)} } }`;

function manifests(): string {
  return [
    `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: shop }
spec:
  gatewayClassName: selvedge
  listeners: [{ name: shop, port: 80, protocol: HTTP, hostname: ${HOST} }]
`,
    route("plain", `{ backendRefs: [${ref("one")}] }`),
    route(
      "regex",
      `{
        matches: [
          { path: { type: RegularExpression, value: "/regex/[0-9]+" } },
          { headers: [{ type: RegularExpression, name: X-Version, value: "v[0-9]+" }] },
          { queryParams: [{ type: RegularExpression, name: q, value: "[ab]+" }] }],
        backendRefs: [${ref("two")}] }`,
    ),
    route(
      "mirror",
      rule(
        "/mirror",
        `filters: [
          { type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /rewritten } } },
          { type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-added, value: "1" }] } },
          ${mirrorTo("two")}]`,
      ),
      rule("/mirror-dead", `filters: [${mirrorTo("dead")}]`),
      rule("/mirrors", `filters: [${mirrorTo("two")}]`, ref("one", `, filters: [${mirrorTo("dead")}]`)),
    ),
    route(
      "compare",
      rule("/compare", `filters: [${mirrorTo("second")}]`, ref("first")),
      rule("/compare-dead", `filters: [${mirrorTo("refusing")}]`, ref("first")),
    ),
    `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: compare, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: compare }]
  mirrorCompare: { ignore: [/at] }
`,
    route(
      "session",
      rule("/session", "sessionPersistence: { type: Cookie, cookie: {} }", `${ref("one")}, ${ref("two")}`),
      rule(
        "/session-header",
        "sessionPersistence: { type: Header, header: { name: X-Session } }",
        `${ref("one")}, ${ref("two")}`,
      ),
    ),
    route(
      "retry",
      rule("/retry", "retry: { codes: [500], attempts: 2 }", ref("two")),
      rule("/retry-slow", "retry: { attempts: 2 }, timeouts: { backendRequest: 100ms }", ref("two")),
      rule("/retry-short", "retry: { attempts: 9 }, timeouts: { request: 250ms, backendRequest: 100ms }", ref("two")),
      rule("/retry-later", "retry: { codes: [500], attempts: 2, backoff: 100ms }", ref("two")),
    ),
    route(
      "cors",
      rule(
        "/cors",
        `filters: [{ type: CORS, cors: {
          allowOrigins: ["https://*.foo.test"], allowCredentials: true, allowMethods: [PUT, DELETE],
          allowHeaders: [X-A], exposeHeaders: [X-C], maxAge: 60 } }]`,
      ),
      rule("/cors-nowhere", 'filters: [{ type: CORS, cors: { allowOrigins: ["*"] } }]', ref("gone")),
    ),
    `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: few, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: cors }]
  limits: [{ name: few, requests: 4, window: 1h, burst: 4 }]
`,
    backend("one", one.url),
    backend("two", two.url),
    backend("dead", dead.url),
    backend("first", first.url),
    backend("second", second.url),
    backend("refusing", "http://127.0.0.1:1"),
  ].join("---");
}

describe("a bypass", () => {
  const resources = (until: number) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: scarce, namespace: detour }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: one }]
  limits: [{ name: scarce, requests: 1, window: 24h, burst: 1 }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: open, namespace: detour }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: one }]
  action: DENY
  rules: [{ to: [{ operation: { paths: [/closed] } }] }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: bypass-backend-one, namespace: detour }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: one }]
  bypass: { until: "${new Date(until).toISOString()}" }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: one, namespace: detour }
spec: { endpoints: [{ url: "${one.url}" }] }
`;
  const path = "/~one.detour/";
  const at = (asked: string) => ask({ port: mesh.edge, path: asked });

  it("takes limits out of the way and leaves authorization, says so, and ends by itself", async () => {
    await mesh.control.applied(resources(Date.now() - 1));
    expect((await at(path)).status).toBe(200);
    expect((await at(path)).status).toBe(429);
    await mesh.control.applied(resources(Date.now() + 3_600_000));
    const during = await at(path);
    expect([during.status, during.headers["selvedge-degraded"]]).toEqual([200, "bypass"]);
    expect((await at(`${path}closed`)).status).toBe(403);
    expect(JSON.stringify((await mesh.control.call("GET", "/v1/check")).json)).toContain(
      "TrafficPolicy detour/bypass-backend-one until",
    );
    const until = Date.now() + 1000;
    const { epoch } = await mesh.control.applied(resources(until));
    let after = await at(path);
    while (after.status === 200) {
      await pause(50);
      after = await at(path);
    }
    expect([after.status, after.headers["selvedge-epoch"]]).toEqual([429, String(epoch)]);
    expect(Date.now()).toBeGreaterThanOrEqual(until);
  });
});
