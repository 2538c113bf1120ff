/** What mesh/ costs by itself, in this process: matching, compiling, and starting on a snapshot. */
import { execFile } from "node:child_process";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compile } from "../mesh/compile/compile.ts";
import { matcher, matchHost, type Subject } from "../mesh/match.ts";
import type { Benchmark } from "./benchmark.ts";
import { requestOf, resourcesOf, tablesOf } from "./routes.ts";
import { ratioRow, type Row, valueRow } from "./row.ts";
import { compare, inPairs, interquartileRange, median } from "./statistics.ts";

const MATCHES_PER_RUN = 200_000;
const MATCH_PAIRS = 31;
/** Traffic does not go to all routes at once; so many of them, evenly spread, have requests. */
const BUSY_ROUTES = 1000;
const ACTIVATIONS = 5;
const COMPILATIONS = 3;

type Matching = () => Promise<number>;

/** Nanoseconds a match, over requests for the routes of these numbers in turn. */
function matching(table: ReturnType<typeof matcher>, routes: readonly number[]): Matching {
  const subjects = routes.map((n): readonly [string, Subject] => {
    const { host, path } = requestOf(n);
    return [host, { method: "GET", path, header: () => null, query: () => null }];
  });
  return async () => {
    let found = 0;
    const began = performance.now();
    for (let n = 0; n < MATCHES_PER_RUN; n++) {
      const [host, subject] = subjects[n % subjects.length]!; // within it by the remainder
      if (matchHost(table, 80, host, subject)) found++;
    }
    const ns = ((performance.now() - began) * 1e6) / MATCHES_PER_RUN;
    if (found !== MATCHES_PER_RUN) throw new Error(`${MATCHES_PER_RUN - found} requests found no route`);
    return ns;
  };
}

const spread = (routes: number): number[] =>
  Array.from({ length: Math.min(routes, BUSY_ROUTES) }, (_, n) =>
    Math.floor((n * routes) / Math.min(routes, BUSY_ROUTES)),
  );

async function match(): Promise<Row[]> {
  const unit = "ns";
  const [ten, tenThousand, hundredThousand] = [10, 10_000, 100_000].map((n) => matcher(tablesOf(n)));
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
    const file = join(dir, "snapshot.json");
    const { text } = compile(resourcesOf(10_000));
    await writeFile(file, text);
    const script = fileURLToPath(new URL("activate.ts", import.meta.url));
    const times: number[] = [];
    for (let n = 0; n < ACTIVATIONS; n++) {
      const { stdout } = await promisify(execFile)(process.execPath, [script, file]);
      times.push(Number(stdout));
    }
    return [
      valueRow({ name: "activation of 10,000 routes, CPU", unit: "ms" }, median(times), interquartileRange(times), {
        atMost: 10,
      }),
      valueRow({ name: "snapshot of 10,000 routes", unit: "KB" }, Buffer.byteLength(text) / 1000),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
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
