/** Limits on calls under way, on real workerd: a limit that two edges share, and an edge that refuses what is too much for it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, type Answered } from "../support/http.ts";
import { controlClient, pause, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { type Part, startPart } from "../support/processes.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

const LIMIT = 8;
const CAP = 20;
const CALL_MS = 50;
const SLOW_MS = 250;

/** A service that knows how many requests it has at once. */
let service: Upstream;
const seen = { now: 0, most: 0 };
const ports: number[] = [];
let dir: string;
let state: Part;
let edges: Part[];
const startState = () => startPart({ dir, registry: `${dir}/registry` });
const startEdge = (index: number) =>
  startPart({
    dir,
    registry: `${dir}/registry`,
    state: false,
    edges: [{ name: `edge-${index}`, port: ports[index]!, ...(index === 2 && { maxInFlight: CAP }) }],
    lookEveryMs: 100,
  });
let control: Part;

beforeAll(async () => {
  service = await upstream("service", (request, response) => {
    // Of the edge that is overloaded on purpose.
    if (request.url === "/slow") return void setTimeout(() => response.end("done"), SLOW_MS);
    seen.most = Math.max(seen.most, ++seen.now);
    let over = false;
    const end = (): void => {
      if (!over) seen.now--;
      over = true;
    };
    response.on("close", end);
    const ms = request.url === "/long" ? 1500 : CALL_MS;
    setTimeout(() => {
      end();
      response.end("done");
    }, ms);
  });
  dir = await mkdtemp(join(tmpdir(), "selvedge-concurrency-"));
  for (let index = 0; index < 4; index++) ports.push(await freePort());
  state = await startState();
  control = await startPart({
    dir,
    registry: `${dir}/registry`,
    state: false,
    control: { port: ports[3]!, token: TOKEN },
  });
  edges = await Promise.all([0, 1, 2].map(startEdge));
  await controlClient(ports[3]!, ports.slice(0, 3)).applied(`${backend("limited")}
---
${backend("lost")}
---
${backend("denied")}
---
${backend("free")}
---
${policy("limited", `concurrency: { limit: ${LIMIT}, longestCall: 1600ms }`)}
---
${policy("lost", `concurrency: { limit: ${LIMIT}, longestCall: 1600ms }`)}
---
${policy("denied", `concurrency: { limit: ${LIMIT}, onUnavailable: deny }`)}
`);
});
afterAll(async () => {
  for (const part of [...edges, control, state]) await part.kill();
  await service.close();
  await rm(dir, { recursive: true, force: true });
});

const backend = (name: string) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: shop }
spec: { endpoints: [{ url: "${service.url}" }] }`;
const policy = (name: string, section: string) => `
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${name} }]
  ${section}`;

const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
const send = (edge: number, name: string, path = "/") =>
  ask({ port: ports[edge]!, host: `${name}.shop.mesh.localhost`, path, agent });
/** `callers` that each send one request after the other for `ms`; one that is refused waits for `pauseMs`. */
async function load(
  callers: number,
  ms: number,
  pauseMs: number,
  edgesOf: readonly number[],
  name: string,
  path = "/",
): Promise<Answered[]> {
  const end = Date.now() + ms;
  const answers = await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      const got: Answered[] = [];
      while (Date.now() < end) {
        const answer = await send(edgesOf[caller % edgesOf.length]!, name, path);
        got.push(answer);
        if (answer.status !== 200) await pause(pauseMs);
      }
      return got;
    }),
  );
  return answers.flat();
}
const causes = (answers: readonly Answered[]) =>
  new Set(
    answers.map(({ status, headers }) => (status === 200 ? "ok" : `${status} ${String(headers["selvedge-cause"])}`)),
  );
const done = (answers: readonly Answered[]) => answers.filter(({ status }) => status === 200).length;

describe("a limit on calls under way", () => {
  it("is never exceeded through two edges at five times the load, and is used", async () => {
    seen.most = 0;
    const answers = await load(LIMIT * 5, 2000, 20, [0, 1], "limited");
    expect([causes(answers), seen.most]).toEqual([new Set(["ok", "503 concurrency-limit"]), LIMIT]);
    expect(answers.find(({ status }) => status === 503)?.headers["retry-after"]).toBe("1");
  });
});

it("an edge refuses what is beyond its cap, does as much as before, and is well again at once", async () => {
  // One that is refused comes back as late as one that is served: so many times the cap is so many times the load.
  const offered = (times: number) => load(CAP * times, 1000, SLOW_MS, [2], "free", "/slow");
  const best = done(await offered(1));
  for (const times of [2, 10]) {
    const answers = await offered(times);
    expect(causes(answers)).toEqual(new Set(["ok", "503 overloaded"]));
    expect(done(answers)).toBeGreaterThanOrEqual(0.8 * best);
  }
  expect(causes(await offered(0.5))).toEqual(new Set(["ok"]));
});

it("a limit has the permits of an edge that died back once they have lapsed, and not before", async () => {
  // A limit of its own: what another edge holds and does not use would come back only with its lease.
  seen.most = 0;
  const lost = Array.from({ length: LIMIT }, () => send(0, "lost", "/long").catch(() => undefined));
  await expect.poll(() => seen.now).toBe(LIMIT);
  const died = Date.now();
  await edges[0]!.kill();
  await Promise.all(lost);
  expect(causes([await send(1, "lost")])).toEqual(new Set(["503 concurrency-limit"]));
  // 1.6 s of a call and 10 s of its lease, 2 % and a second.
  await expect.poll(async () => (await send(1, "lost")).status, { timeout: 15_000, interval: 200 }).toBe(200);
  expect(Date.now() - died).toBeLessThan(14_000);
  expect(seen.most).toBe(LIMIT);
});

it("without the object, an edge does what the policy says, and uses it again once it is back", async () => {
  await state.kill();
  const deny = await send(1, "denied");
  expect([deny.headers["selvedge-cause"], deny.headers["selvedge-degraded"]]).toEqual([
    "concurrency-unavailable",
    "concurrency",
  ]);
  const share = await send(2, "limited");
  expect([share.status, share.headers["selvedge-degraded"]]).toEqual([200, "concurrency"]);
  state = await startState();
  await expect
    .poll(async () => (await send(2, "limited")).headers["selvedge-degraded"], { timeout: 10_000, interval: 200 })
    .toBeUndefined();
});
