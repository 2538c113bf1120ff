/** What mesh/ costs by itself, in this process: matching, compiling, and starting on a snapshot. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serialize } from "node:v8";
import { compile } from "../mesh/compile/compile.ts";
import { readManifest } from "../mesh/manifest.ts";
import { type Matcher, matcher, matchHost, type Subject } from "../mesh/match.ts";
import { cutUp, type Published } from "../mesh/published.ts";
import { adopt } from "../mesh/shard/read.ts";
import type { Benchmark } from "./benchmark.ts";
import { requestOf, resourcesOf, tablesOf } from "./routes.ts";
import { ratioRow, type Row, valueRow } from "./row.ts";
import { compare, inPairs, interquartileRange, median } from "./statistics.ts";

const MATCHES_PER_RUN = 200_000;
const MATCH_PAIRS = 31;
/** Traffic does not go to all routes at once; so many of them, evenly spread, have requests. */
const BUSY_ROUTES = 1000;
const ACTIVATIONS = 5;
const HOSTS_SERVED = 100;
const COMPILATIONS = 3;

type Matching = () => Promise<number>;

/** Finds whether a route takes a GET of the path at the host. */
type Finder = (host: string, path: string) => unknown;

/** Nanoseconds a match, over requests for the routes of these numbers in turn. */
function matching(find: Finder, routes: readonly number[], matches = MATCHES_PER_RUN): Matching {
  const requests = routes.map(requestOf);
  return async () => {
    let found = 0;
    const began = performance.now();
    for (let n = 0; n < matches; n++) {
      const { host, path } = requests[n % requests.length]!; // within it by the remainder
      if (find(host, path)) found++;
    }
    const ns = ((performance.now() - began) * 1e6) / matches;
    if (found !== matches) throw new Error(`${matches - found} requests found no route`);
    return ns;
  };
}

/** The edge's, with all shards resident. */
function ours(routes: number): Finder {
  const { shards, manifest } = cutUp(tablesOf(routes));
  const ready: Matcher = matcher(readManifest(manifest(shards.map(() => "0".repeat(64)))));
  shards.forEach((bytes, number) => {
    ready.shards[number] = adopt(bytes);
  });
  const none = () => null;
  return (host, path) => {
    const subject: Subject = { method: "GET", path, header: none, query: none };
    const match = matchHost(ready, 80, host, subject);
    return match !== undefined && "rule" in match;
  };
}

const spread = (routes: number): number[] =>
  Array.from({ length: Math.min(routes, BUSY_ROUTES) }, (_, n) =>
    Math.floor((n * routes) / Math.min(routes, BUSY_ROUTES)),
  );

async function match(): Promise<Row[]> {
  const unit = "ns";
  const [ten, tenThousand, hundredThousand] = [10, 10_000, 100_000].map(ours);
  if (!ten || !tenThousand || !hundredThousand) return [];
  const few = matching(ten, spread(10));
  const many = compare(await inPairs(MATCH_PAIRS, few, matching(tenThousand, spread(10_000))));
  const most = compare(await inPairs(MATCH_PAIRS, few, matching(hundredThousand, spread(100_000))));
  const ends = compare(await inPairs(MATCH_PAIRS, matching(hundredThousand, [0]), matching(hundredThousand, [99_999])));
  return [
    ratioRow({ name: "match, 10,000 routes / 10", unit }, many),
    ratioRow({ name: "match, 100,000 routes / 10", unit }, most, { atMost: 3 }),
    ratioRow({ name: "match in 100,000, last route / first", unit }, ends, { atMost: 1.2 }),
  ];
}

async function activation(): Promise<Row[]> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
  try {
    const [ten, hundred] = [await stored(dir, 10_000), await stored(dir, 100_000)];
    const served = await activations(hundred.file, [HOSTS_SERVED]);
    return [
      cpuRow("activation of 10,000 routes, all shards, CPU", await activations(ten.file), 10),
      cpuRow("activation of 100,000 routes, all shards, CPU", await activations(hundred.file), 60),
      cpuRow("activation of 100,000 routes, no host served yet, CPU", served),
      valueRow(
        { name: `memory, 100,000 routes, ${HOSTS_SERVED} hosts served`, unit: "MB" },
        median(served.map(({ bytes }) => bytes / 1e6)),
        null,
        { atMost: 32 },
      ),
      valueRow({ name: "snapshot of 10,000 routes", unit: "KB" }, ten.bytes / 1000),
      valueRow({ name: "snapshot of 100,000 routes", unit: "KB" }, hundred.bytes / 1000),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Activation = { readonly cpuMs: number; readonly bytes: number };

const cpuRow = (name: string, runs: readonly Activation[], atMost?: number): Row => {
  const times = runs.map(({ cpuMs }) => cpuMs);
  const budget = atMost === undefined ? undefined : { atMost };
  return valueRow({ name, unit: "ms" }, median(times), interquartileRange(times), budget);
};

/** A configuration of so many routes with every policy, as control publishes it. */
async function stored(dir: string, routes: number): Promise<{ readonly file: string; readonly bytes: number }> {
  const { shards, manifest } = cutUp(compile(resourcesOf(routes)).snapshot);
  const names = shards.map((shard) => createHash("sha256").update(shard).digest("hex"));
  const file = join(dir, `${routes}.bin`);
  const published: Published = {
    manifest: manifest(names),
    shards: new Map(names.map((name, n) => [name, shards[n]!])),
  };
  await writeFile(file, serialize(published));
  return { file, bytes: shards.reduce((sum, { byteLength }) => sum + byteLength, published.manifest.byteLength) };
}

async function activations(file: string, args: readonly number[] = []): Promise<Activation[]> {
  const script = fileURLToPath(new URL("activate.ts", import.meta.url));
  const runs: Activation[] = [];
  for (let n = 0; n < ACTIVATIONS; n++) {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, file, ...args.map(String)]);
    runs.push(JSON.parse(stdout) as Activation);
  }
  return runs;
}

/** Against a tenth of the routes: a ratio of ten is a cost that grows as the routes do. */
async function compilation(): Promise<Row[]> {
  const timed = (routes: number, work: (routes: number) => unknown) => async () => {
    const began = performance.now();
    work(routes);
    return performance.now() - began;
  };
  const few = resourcesOf(1000);
  const many = resourcesOf(10_000);
  const compiling = await inPairs(
    COMPILATIONS,
    timed(1000, () => compile(few)),
    timed(10_000, () => compile(many)),
  );
  const reading = await inPairs(COMPILATIONS, timed(1000, resourcesOf), timed(10_000, resourcesOf));
  return [
    ratioRow({ name: "compile, 10,000 routes / 1,000", unit: "ms" }, compare(compiling)),
    ratioRow({ name: "read from YAML, 10,000 routes / 1,000", unit: "ms" }, compare(reading)),
  ];
}

export const DECISIONS: readonly Benchmark[] = [
  { name: "match", run: match },
  { name: "activation", run: activation },
  { name: "compile", run: compilation },
];
