/** What a collector is sent of requests, in both forms, when it does not take everything at once. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Collector, otlpCollector } from "../support/collector.ts";
import { ask } from "../support/http.ts";
import { pause, type TestMesh, testMesh } from "../support/mesh.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

type Pair = { readonly key: string; readonly value: Readonly<Record<string, string | number | boolean>> };
type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Pair[];
  readonly status?: { readonly code?: number; readonly message?: string };
};
type Traces = {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
};

type Point = {
  readonly attributes?: readonly Pair[];
  readonly asInt?: string;
  readonly zeroCount?: string;
  readonly positive?: { readonly bucketCounts?: readonly string[] };
};
type Points = { readonly dataPoints: readonly Point[] };
type Metrics = {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string;
        readonly sum?: Points;
        readonly exponentialHistogram?: Points;
      }[];
    }[];
  }[];
};

const attributesOf = ({ attributes = [] }: Pick<Span, "attributes">): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
const traceId = (n: number): string => `0af7651916cd43dd8448eb21${String(n).padStart(8, "0")}`;
const PARENT = "b7ad6b7169203331";

describe.each(["http/json", "http/protobuf"] as const)("spans, exported as %s", (protocol) => {
  let collector: Collector;
  let up: Upstream;
  let mesh: TestMesh;
  let failures = 0;

  beforeAll(async () => {
    collector = await otlpCollector();
    up = await upstream("up", (request, response) => {
      if (request.url === "/flaky" && failures-- > 0) response.statusCode = 503;
      if (request.url === "/broken") response.statusCode = 500;
      response.end("up");
    });
    const otlp = { endpoint: `${collector.url}/base/`, protocol, headers: "authorization=Bearer%20secret" };
    mesh = await testMesh([{}], { otlp });
    await mesh.control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: up, namespace: shop }
spec: { endpoints: [{ url: "${up.url}" }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TelemetryPolicy
metadata: { name: none, namespace: shop }
spec: { targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: up }], tracing: { samplingPercent: 0 } }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: up, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: up }]
  retry: { on: [gateway-error], attempts: 2 }
`);
  }, 60_000);
  afterAll(async () => {
    await mesh?.close();
    await Promise.all([up, collector].map((one) => one?.close()));
  });

  const get = (path: string, headers: Record<string, string> = {}) =>
    ask({ port: mesh.edge, path: `/~up.shop${path}`, headers });

  const spans = (): Span[] =>
    collector.taken
      .filter(({ path }) => path.endsWith("/traces"))
      .flatMap(({ message }) =>
        (message as Traces).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
      );
  /** Once there are so many of the mesh's own hops. */
  async function hops(count: number): Promise<Span[]> {
    for (const give = Date.now() + 20_000; Date.now() < give; await pause(100)) {
      const servers = spans().filter(({ kind }) => kind === 2);
      if (servers.length >= count) return servers;
    }
    throw new Error(`${spans().length} spans came`);
  }

  it("come once each, although the collector refused the first of them for a second", async () => {
    collector.refuse = 1;
    const count = 150;
    for (let n = 0; n < count; n++) {
      const { headers } = await get("/a?token=secret", {
        traceparent: `00-${traceId(n)}-${PARENT}-01`,
        tracestate: "foo=1",
      });
      expect(headers.traceresponse).toContain(traceId(n));
    }
    const servers = await hops(count);
    expect(collector.refuse).toBe(0);
    expect(new Set(servers.map((one) => one.traceId)).size).toBe(count);
    const ids = spans().map(({ spanId }) => spanId);
    expect([servers.length, new Set(ids).size]).toEqual([count, ids.length]);
    const [{ path, headers }] = collector.taken as [Collector["taken"][number]];
    expect([path, headers.authorization]).toEqual(["/base/v1/traces", "Bearer secret"]);
    expect(JSON.stringify(collector.taken.map(({ message }) => message))).not.toContain("token=");
  });

  // The rest is of what is sent, whatever its form.
  if (protocol === "http/json") return;

  it("are the hop, below the caller's span, and the tries below it, as the upstream was told", async () => {
    failures = 1;
    up.received.length = 0;
    const id = traceId(1000);
    await get("/flaky", { traceparent: `00-${id}-${PARENT}-01` });
    await hops(151);
    const all = spans().filter((one) => one.traceId === id);
    const server = all.find(({ kind }) => kind === 2)!;
    expect([server.name, server.parentSpanId, server.status?.code]).toEqual(["GET /~up.shop", PARENT, undefined]);
    expect(attributesOf(server)).toMatchObject({
      "http.request.method": "GET",
      "http.route": "/~up.shop",
      "http.response.status_code": "200",
      "url.path": "/~up.shop/flaky",
      "selvedge.backend": "Backend/shop/up",
    });
    const retry = all.find(({ name }) => name === "retry")!;
    const tries = all.filter(({ kind }) => kind === 3);
    expect(tries.map((one) => [attributesOf(one)["http.response.status_code"], one.status?.code])).toEqual([
      ["503", 2],
      ["200", undefined],
    ]);
    expect(up.received.map(({ headers }) => headers.traceparent)).toEqual(
      tries.map((one) => `00-${id}-${one.spanId}-01`),
    );
    expect(server.traceState).toBe(`selvedge=${server.spanId}`);
    const balance = all.filter(({ name }) => name === "balance");
    expect(balance.map(({ parentSpanId }) => parentSpanId)).toEqual(balance.map(() => retry.spanId));
    expect(BigInt(server.endTimeUnixNano) - BigInt(server.startTimeUnixNano)).toBeGreaterThanOrEqual(0n);
  });

  it("are kept of a request that fails, though it was not sampled, and the caller is told", async () => {
    const id = traceId(2000);
    const failed = await get("/broken", { traceparent: `00-${id}-${PARENT}-00` });
    const fine = await get("/a", { traceparent: `00-${traceId(2001)}-${PARENT}-00` });
    expect([failed.headers.traceresponse?.slice(0, 36), fine.headers.traceresponse]).toEqual([`00-${id}-`, undefined]);
    const servers = await hops(152);
    const kept = servers.find((one) => one.traceId === id)!;
    expect([kept.status?.code, attributesOf(kept)["selvedge.kept"]]).toEqual([2, "error"]);
    expect(
      spans()
        .filter((one) => one.traceId === id)
        .map(({ kind }) => kind)
        .toSorted((a, b) => a - b),
    ).toEqual([2, 3]);
    expect(spans().some((one) => one.traceId === traceId(2001))).toBe(false);
  });

  it("are not all: each minute the collector has the counters too, as they stand, although it refuses them at first", async () => {
    const requests = 153;
    const counted = async (): Promise<Metrics["resourceMetrics"][number]["scopeMetrics"][number]["metrics"]> => {
      const last = collector.taken.filter(({ path }) => path === "/base/v1/metrics").at(-1)?.message as
        | Metrics
        | undefined;
      return last?.resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? [];
    };
    const pointsOf = async (name: string) => {
      const metric = (await counted()).find((one) => one.name === name);
      return metric?.sum?.dataPoints ?? metric?.exponentialHistogram?.dataPoints ?? [];
    };
    const total = async () => (await pointsOf("selvedge.requests")).reduce((sum, { asInt }) => sum + Number(asInt), 0);
    collector.refuse = 1;
    for (const give = Date.now() + 20_000; Date.now() < give && (await total()) < requests; await pause(200))
      await mesh.tick();
    expect([collector.refuse, await total()]).toEqual([0, requests]);
    const histograms = await pointsOf("selvedge.request.duration");
    const inBuckets = histograms.flatMap(({ zeroCount, positive }) => [zeroCount, ...(positive?.bucketCounts ?? [])]);
    expect(inBuckets.reduce((sum, count) => sum + Number(count ?? 0), 0)).toBe(requests);
    const failed = (await pointsOf("selvedge.requests")).find(
      (point) => attributesOf(point)["selvedge.class"] === "5xx",
    );
    expect([failed?.asInt, failed && attributesOf(failed)["selvedge.callee"]]).toEqual(["1", "shop/up"]);
  }, 30_000);
});
