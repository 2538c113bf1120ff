/**
 * `npm run attacks -- FILE… [--json OUT] [--only ID-PREFIX] [--group GROUP] [--grain edge|node]`: attack cases as raw bytes, against a real edge on workerd and
 * its own sockets. Exit code 1 when a `must` fails that the runtime did not decide, 2 when there is nothing to run.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { grainOf } from "../support/grain.ts";
import type { CaseFile, Level } from "./case.ts";
import { type Result, run } from "./run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    only: { type: "string" },
    group: { type: "string" },
    grain: { type: "string", default: "edge" },
  },
});

const results: Result[] = [];
for (const file of positionals) {
  const given = JSON.parse(readFileSync(file, "utf8")) as CaseFile;
  const cases = given.cases.filter(
    ({ id, group }) => id.startsWith(values.only ?? "") && (values.group === undefined || values.group === group),
  );
  if (cases.length === 0) continue;
  await run({ ...given, cases }, grainOf(values.grain), (result) => {
    results.push(result);
    if (result.broken.length > 0)
      console.log(
        `${result.floor === undefined ? "FAILED" : "floor "} ${result.level} ${result.id}: ${result.broken.join("; ").slice(0, 300)}`,
      );
    if (result.floor !== undefined) console.log(`       the runtime ${result.floor}`);
  });
}
if (results.length === 0) {
  console.error(
    "No cases. Usage: npm run attacks -- FILE… [--json OUT] [--only ID-PREFIX] [--group GROUP] [--grain edge|node]",
  );
  process.exit(2);
}
const LEVELS: readonly Level[] = ["must", "should", "info"];
console.log();
for (const [group, all] of Map.groupBy(results, (one) => one.group)) console.log(group.padEnd(14), tally(all));
console.log("all".padEnd(14), tally(results));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
process.exit(
  results.some(({ level, broken, floor }) => level === "must" && broken.length > 0 && floor === undefined) ? 1 : 0,
);

function tally(all: readonly Result[]): string {
  return LEVELS.flatMap((level) => {
    const of = all.filter((one) => one.level === level);
    if (of.length === 0) return [];
    const held = of.filter(({ broken }) => broken.length === 0).length;
    const floors = of.filter(({ floor }) => floor !== undefined).length;
    return `${level} ${held}/${of.length}${floors > 0 ? ` (${floors} decided by the runtime)` : ""}`.padEnd(34);
  }).join("  ");
}
