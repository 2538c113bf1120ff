/**
 * Whatever policies are drawn from their schemas: control says what is wrong with them, or takes them; those that it takes an edge can
 * read and carry out. State objects are away, services answer or fail by chance: nothing of it makes an edge fail by its own fault.
 */
import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { compile } from "../../mesh/compile/compile.ts";
import { KINDS } from "../../mesh/resources/kinds.ts";
import { readFiles } from "../../mesh/resources/read.ts";
import { newMemory } from "../../workers/edge-proxy/memory.ts";
import { proxy } from "../../workers/edge-proxy/proxy.ts";
import { seeded } from "../simulation/events.ts";
import { ofSchema, type Schema } from "../support/of-schema.ts";
import { ready } from "../support/published.ts";
import { backendOf, front, GATEWAY_API, resources, route, SELVEDGE_API, to } from "../support/resources.ts";
import { callWith } from "./layers/call.ts";

const away = (): Promise<never> => Promise.reject(new Error("the object is away"));
const gone = () => ({
  report: away,
  probe: away,
  lease: away,
  lend: away,
  begin: away,
  settle: away,
  ask: away,
  mirrored: away,
});
const MESH = resources(
  front(),
  backendOf("cart", { endpoints: [{ url: "http://a.internal" }, { url: "http://b.internal/base", weight: 2 }] }),
  route("all", { parentRefs: [{ name: "front" }], rules: [{ name: "one", backendRefs: [to("cart")] }] }),
);
const TARGETS = [
  { group: GATEWAY_API, kind: "Gateway", name: "front" },
  { group: GATEWAY_API, kind: "HTTPRoute", name: "all" },
  { group: GATEWAY_API, kind: "HTTPRoute", name: "all", sectionName: "one" },
  { group: SELVEDGE_API, kind: "Backend", name: "cart" },
];
const policies = KINDS.filter(({ kind, group }) => group === SELVEDGE_API && kind.endsWith("Policy")).map(
  ({ kind, schema }) => {
    const { properties } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;
    const spec = ofSchema(properties!["spec"]!); // each policy has one
    return fc.record({ spec, target: fc.constantFrom(...TARGETS) }).map(({ spec: drawn, target }) => ({
      apiVersion: `${SELVEDGE_API}/v1alpha1`,
      kind,
      metadata: { name: kind.toLowerCase() },
      spec: { ...(drawn as object), targetRefs: [target] },
    }));
  },
);
const requests = fc.record({
  method: fc.constantFrom("GET", "GET", "POST", "PUT", "OPTIONS"),
  path: fc.constantFrom("/", "/a", "/a/b?x=1", "/a%2fb"),
  headers: fc.constantFrom<Record<string, string>>(
    {},
    { "x-a": "1", cookie: "sid=1; a=b" },
    { "idempotency-key": '"k1"', authorization: "Bearer a.b.c" },
    { origin: "https://a.example", "access-control-request-method": "GET" },
    { "grpc-timeout": "1m" },
  ),
});

/** What comes of a promise, however long the policies have it wait: hours pass at once. */
async function atLast<T>(promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = promise.finally(() => (isDone = true));
  for (let minutes = 0; !isDone; minutes++) {
    if (minutes > 10_000) throw new Error("there is no answer after a week");
    await vi.advanceTimersByTimeAsync(60_000);
    // What takes no timer takes its time: digests, streams.
    await new Promise(setImmediate);
  }
  return done;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("policies that control takes are carried out, and what it refuses is said with a place", async () => {
  // workerd's own.
  vi.stubGlobal("IdentityTransformStream", TransformStream);
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const failures: unknown[] = [];
  vi.spyOn(console, "error").mockImplementation(
    (...said) => void failures.push(said.map((one) => (one instanceof Error ? one.stack : one))),
  );
  const taken: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(...policies),
      fc.array(requests, { minLength: 4, maxLength: 4 }),
      fc.integer(),
      async (all, asked, seed) => {
        const good = all.filter((policy) => {
          const { resources: read, problems } = readFiles([{ name: "a.yaml", text: stringify(policy) }]);
          const wrong = [...problems, ...compile([...MESH, ...read]).problems].filter(
            ({ severity }) => severity === "error",
          );
          for (const { message, at } of wrong)
            expect([message, at?.line]).toEqual([expect.any(String), expect.any(Number)]);
          return wrong.length === 0;
        });
        for (const { kind } of good) taken[kind] = (taken[kind] ?? 0) + 1;
        const { snapshot, problems } = compile([...MESH, ...resources(...good)]);
        if (problems.some(({ severity }) => severity === "error")) return;
        const random = seeded(seed);
        const memory = newMemory("i1");
        const later: Promise<unknown>[] = [];
        const { outside } = callWith(
          {
            random,
            hostPreserving: () => undefined,
            breaker: gone,
            rateLimit: gone,
            concurrency: gone,
            idempotency: gone,
            health: gone,
            edgeKey: away,
            debugKeys: away,
            collector: gone,
            log: () => {},
            // As waitUntil does: what fails then is nobody's.
            later: (work) => void later.push(work.catch(() => {})),
            answers: { get: async () => undefined, put: away, forget: away },
            fetch: async () => {
              if (random() < 0.2) throw new Error("Network connection lost.");
              return new Response("body", { status: random() < 0.3 ? 503 : 200 });
            },
          },
          { memory },
        );
        const run = proxy(ready(snapshot), { epoch: 1, hash: "h" });
        for (const { method, path, headers } of asked) {
          const request = new Request(`http://shop.test${path}`, {
            method,
            headers,
            ...((method === "POST" || method === "PUT") && { body: "{}" }),
          });
          const ingress = {
            scheme: "http",
            port: 80,
            domain: "mesh.internal",
            workload: "",
            caller: "",
            client: "192.0.2.1",
            trustedProxies: 0,
          } as const;
          const answered = run(request as never, new URL(request.url), outside, ingress, async () => false);
          const response = await atLast(answered.then(async (one) => (await one.text().catch(() => {}), one)));
          expect([response.headers.get("selvedge-cause") === "internal", failures]).toEqual([false, []]);
        }
        await atLast(Promise.all(later));
      },
    ),
    { numRuns: 300, endOnFailure: true },
  );
  // Each kind, or nothing was tried of it.
  expect(Object.keys(taken)).toHaveLength(policies.length);
}, 60_000);
