/** ARCHITECTURE §8.9 on real processes: what edges served, what control says they served, and what Prometheus makes of it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MetricsResponse } from "../../mesh/api.ts";
import { ask } from "../support/http.ts";
import { controlClient, type ControlClient, pause, serves, TOKEN } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { missing } from "../support/programs.ts";
import { type Part, startPart } from "../support/processes.ts";
import { alertExpressions, dashboardQueries } from "../support/monitoring.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

/** `REQUESTS=100000` for a long run. */
const REQUESTS = Number(process.env.REQUESTS ?? 3000);
const EDGES = 4;

let dir: string;
let up: Upstream;
let ports: number[];
let main: Part;
let edges: Part[];
let control: ControlClient;

const startEdge = (index: number) =>
  startPart({
    dir,
    registry: `${dir}/registry`,
    state: false,
    edges: [{ name: `edge-${index}`, port: ports[index]! }],
    lookEveryMs: 100,
    otlp: { endpoint: up.url },
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "selvedge-telemetry-"));
  up = await upstream("up", (request, response) => {
    if (request.url === "/broken") response.statusCode = 503;
    response.end("up");
  });
  ports = await Promise.all(Array.from({ length: EDGES }, freePort));
  const controlPort = await freePort();
  main = await startPart({ dir, registry: `${dir}/registry`, control: { port: controlPort, token: TOKEN } });
  edges = await Promise.all(ports.map((_, index) => startEdge(index)));
  control = controlClient(controlPort, ports);
  await control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: up, namespace: shop }
spec: { endpoints: [{ url: "${up.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TelemetryPolicy
metadata: { name: up, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: up }]
  accessLog: { filter: 'request.path.endsWith("/logged") && response.status == 200', requestHeaders: [authorization] }
`);
}, 120_000);
afterAll(async () => {
  for (const part of [...(edges ?? []), main]) await part?.kill();
  await up?.close();
  await rm(dir, { recursive: true, force: true });
});

const scrape = async (): Promise<string> => {
  const answer = await ask({ port: control.port, path: "/metrics", headers: { authorization: `Bearer ${TOKEN}` } });
  expect(answer.status).toBe(200);
  return answer.body;
};
const valueOf = (text: string, name: string, labels = ""): number =>
  text
    .split("\n")
    .filter((line) => line.startsWith(name) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);

/** Until no edge has anything more to report. */
async function settled(): Promise<string> {
  for (const give = Date.now() + 15_000; Date.now() < give; await pause(200)) {
    const text = await scrape();
    if (valueOf(text, "selvedge_telemetry_pending_requests_max") === 0) return text;
  }
  return scrape();
}

/** Sends `count` requests over some connections to each edge in turn; answers how many were answered. */
async function load(count: number): Promise<number> {
  const agents = ports.map(() => new Agent({ keepAlive: true, maxSockets: 4 }));
  let answered = 0;
  let next = 0;
  const one = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const edge = n % EDGES;
      const path = n % 10 === 9 ? "/~up.shop/broken" : "/~up.shop/";
      await ask({ port: ports[edge]!, path, agent: agents[edge]! }).then(
        () => answered++,
        () => pause(20),
      );
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
  for (const agent of agents) agent.destroy();
  return answered;
}

describe("Every finished request is counted once, or is inside a reported loss interval", () => {
  it("counts exactly while nothing is killed", async () => {
    const before = valueOf(await settled(), "selvedge_requests_total");
    expect(await load(REQUESTS)).toBe(REQUESTS);
    const text = await settled();
    expect(valueOf(text, "selvedge_requests_total") - before).toBe(REQUESTS);
    expect(valueOf(text, "selvedge_requests_total", 'class="5xx"')).toBe(REQUESTS / 10);
    expect(valueOf(text, "selvedge_request_duration_seconds_count")).toBe(before + REQUESTS);
    expect(valueOf(text, "selvedge_telemetry_undetailed_requests_total")).toBe(0);
  }, 300_000);

  it("answers by the second what it counted, grouped as it is asked", async () => {
    const { json } = await control.call("GET", "/v1/metrics?by=callee,class");
    const { groups, missing } = json as MetricsResponse;
    expect(missing).toBe(0);
    expect(groups.map(({ labels }) => labels)).toEqual([
      { callee: "shop/up", class: "2xx" },
      { callee: "shop/up", class: "5xx" },
    ]);
    expect(groups[0]!.points.reduce((sum, { requests }) => sum + requests, 0)).toBe(groups[0]!.total.requests);
    expect(groups[1]!.total.errors).toBe(groups[1]!.total.requests);
  });

  it("keeps the truth within what it reports when edges are killed", async () => {
    const before = await settled();
    const counted = valueOf(before, "selvedge_requests_total");
    let killing = true;
    const killer = (async () => {
      for (let n = 0; killing; n++) {
        await pause(300 + 200 * (n % 3));
        const index = (n * 7) % EDGES;
        await edges[index]!.kill();
        edges[index] = await startEdge(index);
        await serves(ports[index]!, 1);
      }
    })();
    const answered = await load(REQUESTS);
    killing = false;
    await killer;
    await pause(3000);
    const text = await scrape();
    const reported = valueOf(text, "selvedge_requests_total") - counted;
    const missing =
      valueOf(text, "selvedge_telemetry_pending_requests_max") + valueOf(text, "selvedge_telemetry_lost_requests_max");
    expect(answered).toBeGreaterThan(REQUESTS / 4);
    expect(reported).toBeLessThanOrEqual(REQUESTS);
    expect(reported + missing).toBeGreaterThanOrEqual(answered);
  }, 300_000);
});

describe("The access log", () => {
  it("has a line for the requests that its filter admits, without credentials", async () => {
    let written = "";
    const edge = edges[0]!.child.stdout!;
    edge.on("data", (chunk) => (written += String(chunk)));
    for (const path of ["/other", "/logged?token=secret&a=1"])
      await ask({ port: ports[0]!, path: `/~up.shop${path}`, headers: { authorization: "Bearer secret" } });
    for (const give = Date.now() + 10_000; Date.now() < give && !written.includes("\n");) await pause(50);
    expect(written.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(written)).toMatchObject({
      kind: "access",
      path: "/~up.shop/logged",
      query: "token=REDACTED&a=1",
      status: 200,
      backend: "Backend/shop/up",
      requestHeaders: { authorization: "REDACTED" },
    });
    expect(written).not.toContain("secret");
  });
});

const why = missing("promtool", "prometheus");
describe.skipIf(why !== undefined)(`Prometheus ${why ?? ""}`, () => {
  it("finds nothing to complain of in the metrics", async () => {
    const complaints = execFileSync("promtool", ["check", "metrics"], { input: await scrape(), encoding: "utf8" });
    expect(complaints).toBe("");
  });

  it("scrapes OpenMetrics, and counts what control counts", async () => {
    const port = await freePort();
    const config = {
      scrape_configs: [
        {
          job_name: "selvedge",
          scrape_interval: "1s",
          authorization: { credentials: TOKEN },
          static_configs: [{ targets: [`127.0.0.1:${control.port}`] }],
        },
      ],
    };
    // JSON is YAML.
    await writeFile(join(dir, "prometheus.yml"), JSON.stringify(config));
    const flags = [
      "--enable-feature=exemplar-storage",
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/tsdb`,
    ];
    const prometheus = spawn("prometheus", [...flags, `--web.listen-address=127.0.0.1:${port}`], { stdio: "ignore" });
    try {
      expect((await ask({ port: ports[0]!, path: "/nowhere" })).headers["selvedge-cause"]).toBe("no-route");
      const counted = valueOf(await settled(), "selvedge_requests_total");
      type Found = { readonly result: readonly { readonly value: readonly [number, string] }[] };
      const query = async (expression: string): Promise<Found | undefined> => {
        const path = `/api/v1/query?query=${encodeURIComponent(expression)}`;
        const answer = await ask({ port, path }).catch(() => undefined);
        return answer?.status === 200 ? (JSON.parse(answer.body) as { data: Found }).data : undefined;
      };
      const sum = async (expression: string) => Number((await query(expression))?.result[0]?.value[1]);
      for (const give = Date.now() + 20_000; Date.now() < give; await pause(200))
        if ((await sum("sum(selvedge_requests_total)")) === counted) break;
      expect(await sum("sum(selvedge_requests_total)")).toBe(counted);
      expect(await sum("sum(selvedge_request_duration_seconds_count)")).toBe(counted);
      expect(await sum('sum(selvedge_request_duration_seconds_bucket{le="+Inf"})')).toBe(counted);
      // Of requests that failed, which are always recorded.
      const since = `query=selvedge_request_duration_seconds_bucket&start=0&end=${Date.now() / 1000 + 3600}`;
      const { data } = JSON.parse((await ask({ port, path: `/api/v1/query_exemplars?${since}` })).body) as {
        data: { seriesLabels: { class: string }; exemplars: { labels: { trace_id: string } }[] }[];
      };
      const failed = data
        .filter(({ seriesLabels }) => seriesLabels.class === "5xx")
        .flatMap(({ exemplars }) => exemplars);
      expect(failed.map(({ labels }) => labels.trace_id)).toContainEqual(expect.stringMatching(/^[0-9a-f]{32}$/));
      for (const expression of dashboardQueries()) {
        // A rate has a value from the second scrape on; 0 / 0 is a value too.
        const value = async () => JSON.stringify((await query(expression))?.result ?? []);
        for (const give = Date.now() + 10_000; Date.now() < give && (await value()) === "[]";) await pause(200);
        expect([expression, await value()]).not.toEqual([expression, "[]"]);
      }
      for (const expression of alertExpressions())
        expect([expression, await query(expression)]).toContainEqual({
          resultType: "vector",
          result: expect.any(Array) as unknown[],
        });
    } finally {
      prometheus.kill("SIGKILL");
      await once(prometheus, "exit");
    }
  }, 60_000);
});
