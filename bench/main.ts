/** `npm run bench [-- --json OUT] [--quick] [--only NAME]…`: one run, told in ratios. docs/bench.md says what each row means. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { Benchmark, Context } from "./benchmark.ts";
import { CHURN } from "./churn.ts";
import { DECISIONS } from "./decisions.ts";
import { MATCHING } from "./matching.ts";
import { type Row, table } from "./row.ts";
import { SIZE } from "./size.ts";
import { stage, type Stage } from "./stage.ts";
import { TRAFFIC } from "./traffic.ts";

const BENCHMARKS = [...SIZE, ...MATCHING, ...DECISIONS, ...TRAFFIC, ...CHURN];
const PAIRS = 9;
const QUICK_PAIRS = 3;

function chosen(names: readonly string[]): readonly Benchmark[] {
  const unknown = names.filter((name) => !BENCHMARKS.some((one) => one.name === name));
  if (unknown.length > 0) {
    console.error(`no benchmark ${unknown.join(", ")}; there are ${BENCHMARKS.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  return names.length > 0 ? BENCHMARKS.filter(({ name }) => names.includes(name)) : BENCHMARKS;
}

const { values: flags } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
});
const benchmarks = chosen(flags.only);
let started: Promise<Stage> | undefined;
const context: Context = { pairs: flags.quick ? QUICK_PAIRS : PAIRS, stage: () => (started ??= stage()) };
const rows: Row[] = [];
try {
  for (const { name, run } of benchmarks) {
    console.error(`measuring ${name}`);
    rows.push(...(await run(context)));
  }
} finally {
  await (await started)?.close();
}
console.log(table(rows));
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exitCode = rows.some(({ pass }) => pass === false) ? 1 : 0;
