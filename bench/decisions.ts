/** What mesh/ costs by itself, in this process: compiling, and starting on a snapshot. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serialize } from "node:v8";
import { compile } from "../mesh/compile/compile.ts";
import { cutUp, type Published } from "../mesh/published.ts";
import type { Benchmark } from "./benchmark.ts";
import { resourcesOf } from "./routes.ts";
import { ratioRow, type Row, valueRow } from "./row.ts";
import { compare, inPairs, interquartileRange, median } from "./statistics.ts";

const ACTIVATIONS = 5;
const HOSTS_SERVED = 100;
const COMPILATIONS = 3;

async function activation(): Promise<Row[]> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
  try {
    const [ten, hundred] = [await stored(dir, 10_000), await stored(dir, 100_000)];
    const [few, served] = [await activations(ten.file, [1]), await activations(hundred.file, [HOSTS_SERVED])];
    const activated = (runs: readonly Activation[]) => runs.map(({ activatedMs }) => activatedMs);
    const matched = (runs: readonly Activation[]) => runs.map(({ matchedMs }) => matchedMs);
    return [
      cpuRow("activation of 10,000 routes, all shards, CPU", activated(await activations(ten.file)), 10),
      cpuRow("activation of 100,000 routes, all shards, CPU", activated(await activations(hundred.file)), 60),
      cpuRow("activation of 100,000 routes, no host served yet, CPU", activated(served)),
      cpuRow("cold isolate, 10,000 routes, until the first request has its rule, CPU", matched(few), 10),
      cpuRow("cold isolate, 100,000 routes, until the first request has its rule, CPU", matched(served), 60),
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

type Activation = { readonly activatedMs: number; readonly matchedMs: number; readonly bytes: number };

const cpuRow = (name: string, times: readonly number[], atMost?: number): Row => {
  const budget = atMost === undefined ? undefined : { atMost };
  return valueRow({ name, unit: "ms" }, median(times), interquartileRange(times), budget);
};

/** A configuration of so many routes with policies, as control publishes it. */
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
  { name: "activation", run: activation },
  { name: "compile", run: compilation },
];
