import type { Command } from "commander";
import type { LimitsResponse, LimitStatus, ResetResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, printable, say } from "../terminal.ts";

export function limitsCommand(program: Command): void {
  const command = program
    .command("limits [name]")
    .description(
      "the busiest buckets of every limit, or those with this in their names: what is left, and who is refused",
    )
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async (name: string | undefined, { output }: { readonly output: "table" | "json" | "yaml" }) => {
      const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
      const { epoch, items } = await (await connect(command)).get<LimitsResponse>(`/limits${query}`);
      if (output === "json") return printJson("Limits", { epoch, items });
      if (output === "yaml") return printYaml("Limits", { epoch, items });
      if (items.length === 0)
        return say(name === undefined ? "No limit is in use." : `No limit in use has ${name} in its name.`);
      return print(table(COLUMNS, items));
    });

  const reset = command
    .command("reset <name>")
    .description("fill up buckets: namespace/policy, namespace/policy/limit, or one with its key after that")
    .action(async (name: string) => {
      const { buckets } = await (await connect(reset)).post<ResetResponse>("/limits/reset", { name });
      say(
        `${printable(name)}: ${buckets} ${buckets === 1 ? "bucket" : "buckets"} filled up; edges with traffic hear of it when they next check in.`,
      );
    });
}

const COLUMNS: readonly Column<LimitStatus>[] = [
  { header: "LIMIT", cell: ({ limit }) => limit },
  { header: "KEY", cell: ({ key }) => (key === "[]" ? "" : key) },
  { header: "LEVEL", cell: levelOf },
  {
    header: "LENT",
    cell: ({ lent, leases }) => (leases ? `${Math.round(lent ?? 0)} to ${leases}` : ""),
    align: "right",
  },
  { header: "WANTED/S", cell: ({ wanted }) => wanted, align: "right" },
  { header: "REFUSED/S", cell: ({ refused }) => refused, align: "right" },
  { header: "MODE", cell: ({ mode, dryRun }) => (dryRun ? `${mode}, dry run` : mode) },
];

function levelOf({ mode, level, burst }: LimitStatus): string {
  if (mode === "local") return "";
  return level === undefined ? "UNKNOWN" : `${Math.floor(level)}/${burst}`;
}
