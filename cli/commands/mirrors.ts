import type { Command } from "commander";
import type { MirrorsResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { age } from "../duration.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { type Column, table } from "../table.ts";
import { print, say } from "../terminal.ts";

type Options = { readonly output: "table" | "json" | "yaml" };
type Item = MirrorsResponse["items"][number];

export function mirrorsCommand(program: Command): void {
  const command = program
    .command("mirrors [name]")
    .description(
      "how often mirrors answer otherwise than primaries, of all rules or those with this in their names or their mirrors'; -o json has samples",
    )
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async (name: string | undefined, { output }: Options) => {
      const control = await connect(command);
      const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
      const found = await control.get<MirrorsResponse>(`/mirrors${query}`);
      if (output === "json") return printJson("Mirrors", found);
      if (output === "yaml") return printYaml("Mirrors", found);
      if (found.missing > 0) say(`${found.missing} of the collectors did not answer: what they know is missing here.`);
      if (found.items.length === 0)
        return say(
          "No mirror's answers were compared. A TrafficPolicy's mirrorCompare on a rule with a RequestMirror wants it.",
        );
      return print(table(columns(Date.now()), found.items));
    });
}

const columns = (now: number): readonly Column<Item>[] => [
  { header: "RULE", cell: ({ rule }) => rule },
  { header: "MIRROR", cell: ({ mirror }) => mirror },
  { header: "SAME", cell: ({ same }) => same },
  { header: "DIFFERENT", cell: ({ different }) => different },
  { header: "FAILED", cell: ({ failed }) => failed },
  { header: "UNCOMPARED", cell: ({ uncompared }) => uncompared },
  { header: "AGE", cell: ({ at }) => age(now - at) },
  { header: "LAST DIFFERENCE", cell: lastDifference },
];

function lastDifference({ samples }: Item): string {
  const [newest] = samples;
  const [first, ...more] = newest?.differences ?? [];
  if (!newest || !first) return "";
  const others = more.length > 0 ? `, ${more.length} more` : "";
  return `${newest.method} ${newest.path} ${first.at}: ${first.primary} | ${first.mirror}${others}`;
}
