/**
 * `npm run simulate -- [--seeds N] [--seed S] [--hours H] [--mutation NAME] [--digests | --log]`, or `-- --mutations [--seeds N]`.
 * Seeds are spread over the machine's cores; a violation prints its seed and the least of its faults that still show it. Exit code 1
 * on any.
 */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Mutation, MUTATIONS } from "./mutations.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string", default: "1" },
    hours: { type: "string" },
    log: { type: "boolean", default: false },
    mutation: { type: "string" },
    mutations: { type: "boolean", default: false },
    digests: { type: "boolean", default: false },
  },
});

export type Job = {
  readonly from: number;
  readonly to: number;
  readonly stormMs: number;
  readonly mutation?: Mutation;
  /** End with the first seed that shows something. */
  readonly first: boolean;
};
export type Found = { readonly seed: number; readonly violations: readonly string[]; readonly plan: string };
export type Done = {
  readonly runs: number;
  readonly requests: number;
  readonly messages: number;
  readonly found: readonly Found[];
  /** Of the logs, SHA-256, by seed. */
  readonly digests: readonly (readonly [seed: number, digest: string])[];
};

/** A run is as long as breakers, leases and copies of KV need to go wrong and be well again. */
const STORM_MS = 12_000;
/** Memory of a process that has simulated so many worlds is given back. */
const SEEDS_A_PROCESS = 1000;
/** Megabytes: most of what a run makes lives for one request, and is gone before so much of it has come together. */
const YOUNG = "--max-semi-space-size=64";

const stormMs = values.hours === undefined ? STORM_MS : Number(values.hours) * 3_600_000;
const seed = Number(values.seed);
const mutation = MUTATIONS.find(({ name }) => name === values.mutation);
if (values.mutation !== undefined && !mutation) throw new Error(`there is no planted bug "${values.mutation}"`);
if (values.log) {
  const { installHooks } = await import("./hooks.ts");
  installHooks(mutation);
  const [{ simulate }, { scenarioOf }] = await Promise.all([import("./simulate.ts"), import("./scenario.ts")]);
  const { log, violations } = await simulate(scenarioOf(seed, stormMs));
  // A pipe takes it bit by bit.
  process.stdout.write(`${log.join("\n")}\n`, () => process.exit(violations.length > 0 ? 1 : 0));
} else
  process.exit(
    values.mutations ? await mutations(Number(values.seeds ?? 300)) : await seeds(Number(values.seeds ?? 1)),
  );

async function seeds(count: number): Promise<number> {
  const began = performance.now();
  const jobs: Job[] = [];
  const size = Math.min(SEEDS_A_PROCESS, Math.ceil(count / availableParallelism()));
  for (let from = seed; from < seed + count; from += size)
    jobs.push({ from, to: Math.min(from + size, seed + count), stormMs, first: false, ...(mutation && { mutation }) });
  const done = await all(jobs);
  const sum = (of: "runs" | "requests" | "messages"): string =>
    done.reduce((total, each) => total + each[of], 0).toLocaleString("en");
  const found = done.flatMap((each) => each.found);
  if (values.digests)
    for (const [at, digest] of done.flatMap((each) => each.digests)) console.log(`seed ${at} ${digest}`);
  for (const { seed: at, violations, plan } of found)
    console.log(`seed ${at}: ${violations.join("\n  ")}\n  with ${plan}`);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${sum("runs")} seeds, ${sum("requests")} requests, ${sum("messages")} messages to objects, ${seconds} s: ${found.length} with violations`,
  );
  return found.length > 0 ? 1 : 0;
}

/** Each planted bug must be found within so many seeds. */
async function mutations(most: number): Promise<number> {
  let missed = 0;
  const results = await all(
    MUTATIONS.map((mutation) => ({ from: seed, to: seed + most, stormMs, mutation, first: true })),
  );
  console.log("| planted bug | found by seed | what it broke |\n| --- | ---: | --- |");
  for (const [index, { found, runs }] of results.entries()) {
    const [first] = found;
    if (!first) missed++;
    console.log(
      `| ${MUTATIONS[index]!.name} | ${first ? runs : "not found"} | ${first?.violations[0]?.split(":")[0] ?? ""} |`,
    );
  }
  console.log(`${results.length - missed} of ${results.length} found within ${most} seeds each`);
  return missed > 0 ? 1 : 0;
}

async function all(jobs: readonly Job[]): Promise<readonly Done[]> {
  const done: Done[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < jobs.length; index = next++) done[index] = await run(jobs[index]!);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return done;
}

function run(job: Job): Promise<Done> {
  const child = fork(fileURLToPath(new URL("worker.ts", import.meta.url).href), { execArgv: [YOUNG] });
  return new Promise((resolve, reject) => {
    child.on("message", (done) => resolve(done as Done));
    child.on("exit", (code) => reject(new Error(`a simulation ended with ${code} and no result`)));
    child.send(job);
  });
}
