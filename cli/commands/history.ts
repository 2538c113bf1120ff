import type { Command } from "commander";
import type { HistoryEntry, HistoryResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { age } from "../duration.ts";
import { parseEpoch } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";

type Options = { readonly limit: number; readonly output: "table" | "wide" | "json" | "yaml" };

export function historyCommand(program: Command): void {
  const command = program
    .command("history")
    .description("the epochs, newest first: who changed how much, and why")
    .option("--limit <n>", "how many", parseEpoch, 20)
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ limit, output }: Options) => {
      const control = await connect(command);
      const { items } = await control.get<HistoryResponse>(`/history?limit=${limit}`);
      if (output === "json") return printJson("History", { items });
      if (output === "yaml") return printYaml("History", { items });
      if (items.length === 0) return say("No epochs yet: nothing has been applied.");
      return print(table(columns(output === "wide", Date.now()), items));
    });
}

const columns = (wide: boolean, now: number): readonly Column<HistoryEntry>[] => [
  { header: "EPOCH", cell: ({ epoch }) => epoch },
  { header: "AGE", cell: ({ at }) => age(now - at) },
  { header: "AUTHOR", cell: ({ author }) => author },
  { header: "CREATED", cell: ({ created }) => created },
  { header: "CONFIGURED", cell: ({ configured }) => configured },
  { header: "DELETED", cell: ({ deleted }) => deleted },
  ...(wide ? [{ header: "HASH", cell: ({ hash }: HistoryEntry) => hash }] : []),
  { header: "MESSAGE", cell: ({ message }) => message },
];
