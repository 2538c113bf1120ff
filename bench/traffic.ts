/** Requests over sockets: the edge, and others, against a Worker that only passes on. */
import type { Result } from "./load.ts";
import type { Benchmark, Context } from "./benchmark.ts";
import { LIMITED, middle, OBSERVED, requestOf } from "./routes.ts";
import { ratioRow, type Row, valueRow } from "./row.ts";
import type { Configuration, Standing } from "./stage.ts";
import { compare, inPairs } from "./statistics.ts";

const CONNECTIONS = 32;
const PER_RUN_MS = 2000;
const BODY_BYTES = 100_000_000;

const TEN: Configuration = { routes: 10, policies: true };
const TEN_THOUSAND: Configuration = { routes: 10_000, policies: true };
const WITHOUT_POLICIES: Configuration = { routes: 10_000, policies: false };

const requestFor = ({ routes }: Configuration, query = ""): string => requestTo(middle(routes), query);

/** What a browser or an HTTP library sends, more or less. The same bytes for every Worker that a comparison has. */
function requestTo(route: number, query = ""): string {
  const { host, path } = requestOf(route);
  return [
    `GET ${path}${query} HTTP/1.1`,
    `Host: ${host}`,
    "User-Agent: selvedge-bench",
    "Accept: application/json",
    "Accept-Encoding: identity",
    "Authorization: Bearer 0123456789abcdef0123456789abcdef",
    "X-Request-Id: 0123456789abcdef",
    "\r\n",
  ].join("\r\n");
}

type Side = { readonly port: number; readonly request: string };

async function pairs(
  { stage, pairs: count }: Context,
  baseline: Side,
  variant: Side,
  connections = CONNECTIONS,
): Promise<{ readonly baseline: Result; readonly variant: Result }[]> {
  const { loader } = await stage();
  const run = (side: Side) => () =>
    loader.run({ port: side.port, requests: [side.request], connections, ms: PER_RUN_MS });
  return inPairs(count, run(baseline), run(variant));
}

type Budget = { readonly rate?: number; readonly p99?: number };

async function comparison(
  context: Context,
  name: string,
  baseline: Side,
  variant: Side,
  budget: Budget = {},
): Promise<Row[]> {
  const measured = await pairs(context, baseline, variant);
  const failed = measured.some((pair) => pair.baseline.errors + pair.variant.errors > 0);
  const row = (measure: "rate" | "p50" | "p99", what: string, unit: string, bound?: Parameters<typeof ratioRow>[2]) =>
    ratioRow(
      { name: `${name}: ${what}`, unit },
      compare(measured.map((pair) => ({ baseline: pair.baseline[measure], variant: pair.variant[measure] }))),
      bound,
      failed,
    );
  return [
    row("rate", "requests/s", "1/s", budget.rate === undefined ? undefined : { atLeast: budget.rate }),
    row("p50", "p50", "ms"),
    row("p99", "p99", "ms", budget.p99 === undefined ? undefined : { atMost: budget.p99 }),
  ];
}

/** One of the Workers of a mesh against the bare one beside it. */
const againstBare =
  (
    name: string,
    configuration: Configuration,
    worker: Exclude<keyof Standing, "applyMs" | "servedMs">,
    budget?: Budget,
  ) =>
  async (context: Context): Promise<Row[]> => {
    const standing = await (await context.stage()).mesh(configuration);
    const request = requestFor(configuration);
    const sides = [standing.bare, standing[worker]].map((port) => ({ port, request }));
    return comparison(context, `${name} / bare`, sides[0]!, sides[1]!, budget); // two above
  };

async function body(context: Context): Promise<Row[]> {
  const { edge, bare } = await (await context.stage()).mesh(TEN_THOUSAND);
  const request = requestFor(TEN_THOUSAND, `?bytes=${BODY_BYTES}`);
  const measured = await pairs(context, { port: bare, request }, { port: edge, request }, 1);
  const failed = measured.some((pair) => pair.baseline.errors + pair.variant.errors > 0);
  const times = measured.map((pair) => ({ baseline: pair.baseline.p50, variant: pair.variant.p50 }));
  const name = { name: "100 MB body, edge / bare: time", unit: "ms" };
  return [ratioRow(name, compare(times), { atMost: 1.15 }, failed)];
}

async function tenThousandAgainstTen(context: Context): Promise<Row[]> {
  const { mesh } = await context.stage();
  const [ten, many] = [await mesh(TEN), await mesh(TEN_THOUSAND)];
  return comparison(
    context,
    "edge, 10,000 routes / 10 routes",
    { port: ten.edge, request: requestFor(TEN) },
    { port: many.edge, request: requestFor(TEN_THOUSAND) },
  );
}

/** Two routes of one edge, which differ by nothing but the limit. */
async function limitedAgainstUnlimited(context: Context): Promise<Row[]> {
  const { edge: port } = await (await context.stage()).mesh({ routes: LIMITED.routes, policies: false, limited: true });
  const [free, limited] = [LIMITED.free, LIMITED.limited].map((route) => ({ port, request: requestTo(route) }));
  return comparison(context, "limited route / unlimited", free!, limited!, { rate: 0.97 }); // two above
}

/** Metrics, traces of which some are sampled, and a line for each request; against an edge that counts nothing. */
async function observedAgainstSilent(context: Context): Promise<Row[]> {
  const { mesh } = await context.stage();
  const { edge, silent } = await mesh({ routes: OBSERVED.routes, policies: false, observed: true });
  return comparison(
    context,
    "full telemetry / none",
    { port: silent, request: requestTo(OBSERVED.free) },
    { port: edge, request: requestTo(OBSERVED.observed) },
    { rate: 0.95 },
  );
}

async function distribution(context: Context): Promise<Row[]> {
  const { applyMs, servedMs } = await (await context.stage()).mesh(TEN_THOUSAND);
  return [
    valueRow({ name: "apply of 10,000 routes: answered", unit: "ms" }, applyMs),
    valueRow({ name: "apply of 10,000 routes: served", unit: "ms" }, servedMs),
  ];
}

const BUDGET = { rate: 0.85, p99: 1.25 };

export const TRAFFIC: readonly Benchmark[] = [
  { name: "hono", run: againstBare("hono/proxy", TEN, "hono") },
  { name: "one-object", run: againstBare("one object call a request", TEN, "oneObject") },
  { name: "edge-10", run: againstBare("edge, 10 routes, policies", TEN, "edge") },
  { name: "edge-10000", run: againstBare("edge, 10,000 routes, policies", TEN_THOUSAND, "edge", BUDGET) },
  { name: "edge-10000-no-policies", run: againstBare("edge, 10,000 routes, no policies", WITHOUT_POLICIES, "edge") },
  { name: "edge-10000-against-10", run: tenThousandAgainstTen },
  { name: "limited", run: limitedAgainstUnlimited },
  { name: "telemetry", run: observedAgainstSilent },
  { name: "body", run: body },
  { name: "apply", run: distribution },
];
