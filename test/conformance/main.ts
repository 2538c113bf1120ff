/**
 * `npm run conformance -- FILE… [--json OUT] [--only ID-PREFIX] [--group GROUP] [--grain edge|node]`: case files of Gateway API, run against the
 * real edge on workerd. Exit code 1 when a case fails, 2 when there is nothing to run.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { grainOf } from "../support/grain.ts";
import type { Case } from "./case.ts";
import { closing, failureLine, skipped, table } from "./report.ts";
import { run, type Verdict } from "./run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    only: { type: "string" },
    group: { type: "string" },
    grain: { type: "string", default: "edge" },
  },
});

const told: { readonly one: Case; readonly verdict: Verdict }[] = [];
for (const file of positionals) {
  const cases = (JSON.parse(readFileSync(file, "utf8")) as Case[]).filter(
    ({ id, group }) => id.startsWith(values.only ?? "") && (values.group === undefined || values.group === group),
  );
  if (cases.length === 0) continue;
  const byId = new Map(cases.map((one) => [one.id, one]));
  await run(dirname(file), cases, grainOf(values.grain), (verdict) => {
    told.push({ one: byId.get(verdict.id)!, verdict }); // every verdict is of a case that was given
    if (verdict.outcome === "failed") console.log(failureLine(verdict));
  });
}
if (told.length === 0) {
  console.error(
    "No cases. Usage: npm run conformance -- FILE… [--json OUT] [--only ID-PREFIX] [--group GROUP] [--grain edge|node]",
  );
  process.exit(2);
}
console.log(["", ...skipped(told), ""].join("\n"));
console.log(table("group", told, ({ mode, group }) => [`${mode}/${group}`]));
console.log(`\n${table("feature", told, ({ features }) => features)}`);
console.log(`\n${closing(told)}`);
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify(
      told.map(
        ({
          one: { id, mode, group, features, level, channel },
          verdict: { outcome, reasons, derivedOnly = false },
        }) => ({
          id,
          mode,
          group,
          features,
          level,
          channel,
          outcome,
          derivedOnly,
          reasons,
        }),
      ),
      undefined,
      2,
    )}\n`,
  );
process.exit(told.some(({ verdict }) => verdict.outcome === "failed") ? 1 : 0);
