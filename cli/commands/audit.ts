import { Option, type Command } from "commander";
import type { AuditEntry, AuditResponse, ChangesResponse } from "../../mesh/api.ts";
import { connect, type Control } from "../client.ts";
import { colouredDiff } from "../coloured-diff.ts";
import { age, parseDuration } from "../duration.ts";
import { parseCount } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { type Column, table } from "../table.ts";
import { print, say } from "../terminal.ts";

type Options = {
  readonly limit: number;
  readonly since?: number;
  readonly who?: string;
  readonly action?: string;
  readonly diff?: true;
  readonly output: "table" | "wide" | "json" | "yaml";
};

export function auditCommand(program: Command): void {
  const command = program
    .command("audit")
    .description("who asked control for which change, what became of it, and who was not let in")
    .option("--limit <n>", "how many, the newest ones", parseCount, 50)
    .addOption(new Option("--since <duration>", "how far back (24h)").argParser(parseDuration))
    .option("--who <name>", "of the token of this name alone")
    .option("--action <name>", "of this kind alone: apply, delete, rollback, breakers, tokens, …")
    .option("--diff", "what each epoch changed, below its entry")
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async (options: Options) => {
      const control = await connect(command);
      const { items } = await control.get<AuditResponse>(`/audit?${queryOf(options, Date.now()).toString()}`);
      if (options.output === "json") return printJson("Audit", { items });
      if (options.output === "yaml") return printYaml("Audit", { items });
      if (items.length === 0) return say("Nothing like this has been asked of control.");
      const columns = columnsOf(options.output === "wide", Date.now());
      if (!options.diff) return print(table(columns, items));
      for (const entry of items) {
        print(table(columns, [entry]));
        if (entry.epoch !== null) print(await diffOf(control, entry.epoch));
      }
    });
}

function queryOf({ limit, since, who, action }: Options, now: number): URLSearchParams {
  const query = new URLSearchParams({ limit: String(limit) });
  if (since !== undefined) query.set("since", String(now - since));
  if (who !== undefined) query.set("who", who);
  if (action !== undefined) query.set("action", action);
  return query;
}

async function diffOf(control: Control, epoch: number): Promise<string> {
  const { items } = await control.get<ChangesResponse>(`/changes?epoch=${epoch}`);
  const { resourceYaml } = await import("../../mesh/resources/to-yaml.ts");
  const { unifiedDiff } = await import("../../mesh/line-diff.ts");
  const { titleOf } = await import("../../mesh/resources/resource.ts");
  return items
    .map(({ before, after }) => {
      const title = titleOf((after ?? before)!); // one of them is there, or nothing changed
      const text = (one: typeof after) => (one === null ? "" : resourceYaml(one));
      return colouredDiff(unifiedDiff(text(before), text(after), `before/${title}`, `epoch ${epoch}/${title}`));
    })
    .join("");
}

const columnsOf = (wide: boolean, now: number): readonly Column<AuditEntry>[] => [
  { header: "AGE", cell: ({ at }) => age(now - at) },
  { header: "WHO", cell: ({ who }) => who || "nobody" },
  ...(wide ? [{ header: "ROLE", cell: ({ role }: AuditEntry) => role }] : []),
  { header: "ACTION", cell: ({ action }) => action || "any" },
  { header: "OUTCOME", cell: ({ outcome, count }) => (count > 1 ? `${outcome} ${count} times` : outcome) },
  ...(wide ? [{ header: "STATUS", cell: ({ status }: AuditEntry) => status ?? "" }] : []),
  { header: "EPOCH", cell: ({ epoch }) => epoch ?? "" },
  { header: "ABOUT", cell: ({ detail }) => aboutOf(detail) },
];

/** What was asked for, in the words of whoever asked. */
const aboutOf = (detail: AuditEntry["detail"]): string =>
  Object.entries(detail)
    .filter(([, value]) => value !== "" && value !== 0)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
