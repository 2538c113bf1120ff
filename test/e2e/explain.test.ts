/** `selvedge explain --live`: the real program asks a real edge on workerd why. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LiveExplanation } from "../../mesh/explain/live.ts";
import { selvedge } from "../cli/selvedge.ts";
import { ask } from "../support/http.ts";
import { TOKEN, type TestMesh, testMesh } from "../support/mesh.ts";
import { type Upstream, upstream as startUpstream } from "../support/upstream.ts";

let mesh: TestMesh;
let upstream: Upstream;

const YAML = (port: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec: {gatewayClassName: selvedge, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: {name: cart}
spec: {endpoints: [{url: "http://127.0.0.1:${port}"}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart}
spec:
  parentRefs: [{name: front}]
  hostnames: [shop.test]
  rules:
  - name: writes
    matches: [{path: {value: /cart}, method: POST}]
    backendRefs: [{group: mesh.selvedge.dev, kind: Backend, name: cart}]
  - name: reads
    matches: [{path: {value: /cart}}]
    backendRefs: [{group: mesh.selvedge.dev, kind: Backend, name: cart}]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: cart}
spec:
  targetRefs: [{group: mesh.selvedge.dev, kind: Backend, name: cart}]
  retry: {on: [5xx], attempts: 2, backoff: {base: 1ms, max: 1ms}}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: closed}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: cart}]
  action: DENY
  rules: [{to: [{operation: {paths: [/cart/admin]}}]}]
`;

beforeAll(async () => {
  mesh = await testMesh();
  let asked = 0;
  upstream = await startUpstream("cart", (_request, response) => {
    response.writeHead(asked++ % 2 === 0 ? 503 : 200).end("cart");
  });
  await mesh.control.applied(YAML(upstream.port));
});
afterAll(async () => {
  await mesh?.close();
  await upstream?.close();
});

const explain = (args: string) =>
  selvedge(`explain ${args} --live --edge http://127.0.0.1:${mesh.edge}`, {
    env: { SELVEDGE_CONTROL: `http://127.0.0.1:${mesh.control.port}`, SELVEDGE_TOKEN: TOKEN },
  });

it("an operator is told which rule took a request, and what became of each try", async () => {
  const { stdout, code } = await explain("GET http://shop.test/cart/1 -o json");
  expect(code).toBe(0);
  const told = JSON.parse(stdout) as LiveExplanation;
  expect(told).toMatchObject({ status: 200, route: "default/cart", rule: "reads", attempts: 2, askedBy: "admin" });
  expect(told.considered).toMatchObject([
    { rule: "writes", because: { by: "method", wanted: "POST", given: "GET" } },
    { rule: "reads", because: null },
  ]);
  const tries = told.steps.filter(({ by }) => by === "try");
  expect(tries).toMatchObject([
    { outcome: "answered 503", facts: { endpoint: `http://127.0.0.1:${upstream.port}` } },
    { outcome: "answered 200" },
  ]);
  expect(upstream.received.some(({ headers }) => "selvedge-debug" in headers)).toBe(false);
});

it("and in words", async () => {
  const { stdout } = await explain("GET http://shop.test/cart/admin");
  expect(stdout).toMatch(/^Answer: +403 forbidden$/m);
  expect(stdout).toMatch(/^ +default\/cart +writes +shop\.test, prefix \/cart +the method is GET, not POST$/m);
  expect(stdout).toMatch(/^ +authorize +refuses: forbidden .*default\/closed/m);
});

it("nobody else is told anything", async () => {
  const { headers, status } = await ask({
    port: mesh.edge,
    host: "shop.test",
    path: "/cart/admin",
    headers: { "selvedge-debug": "eyJhbGciOiJub25lIn0.e30." },
  });
  expect(status).toBe(403);
  expect(Object.keys(headers)).not.toContain("selvedge-explanation");
});

it.each([
  [
    "with no edge there",
    "http://shop.test/ --edge http://127.0.0.1:1",
    /cannot reach an edge at http:\/\/127\.0\.0\.1:1/,
  ],
  ["with a service in the edge's place", "http://shop.test/ --edge SERVICE", /not as an edge of Selvedge does/],
  ["with files", "http://shop.test/ -f shop.yaml", /an edge runs what is in force, not files/],
])("%s the program says what is wrong", async (_what, args, message) => {
  const { stderr, code } = await selvedge(
    `explain GET --live ${args.replace("SERVICE", `http://127.0.0.1:${upstream.port}`)}`,
    { env: { SELVEDGE_CONTROL: `http://127.0.0.1:${mesh.control.port}`, SELVEDGE_TOKEN: TOKEN } },
  );
  expect(stderr).toMatch(message);
  expect(code).not.toBe(0);
});
