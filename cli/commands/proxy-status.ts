import type { Command } from "commander";
import type { EdgesResponse, EdgeStatus } from "../../mesh/api.ts";
import { standingOf, type Standing } from "../../mesh/fleet.ts";
import { connect } from "../client.ts";
import { age } from "../duration.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";

export function proxyStatusCommand(program: Command): void {
  const command = program
    .command("proxy-status")
    .alias("ps")
    .description("which epoch each edge runs, of those that reported in within the last minute")
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ output }: { readonly output: "table" | "wide" | "json" | "yaml" }) => {
      const control = await connect(command);
      const { epoch, hash, edges } = await control.get<EdgesResponse>("/edges");
      const items = edges.map((edge) => ({ ...edge, status: standingOf(edge, { epoch, hash }) }));
      if (output === "json") return printJson("ProxyStatus", { epoch, hash, items });
      if (output === "yaml") return printYaml("ProxyStatus", { epoch, hash, items });
      if (items.length === 0)
        return say("No edge has reported in within the last minute: edges do when they have traffic.");
      return print(table(columns(edges, output === "wide"), items));
    });
}

type Row = EdgeStatus & { readonly status: Standing };

const columns = (edges: readonly EdgeStatus[], wide: boolean): readonly Column<Row>[] => [
  { header: "NAME", cell: ({ name }) => name },
  { header: "COLO", cell: ({ colo }) => colo },
  { header: "ID", cell: ({ id }) => id },
  { header: "EPOCH", cell: ({ epoch }) => epoch },
  { header: "STATUS", cell: ({ status }) => status.toUpperCase() },
  { header: "SOURCE", cell: ({ source }) => source },
  // A fleet of which every edge serves everything need not be told so.
  ...(edges.some(({ scope }) => scope) ? [{ header: "SCOPE", cell: ({ scope }: Row) => scope ?? "everything" }] : []),
  { header: "AGE", cell: ({ ageMs }) => age(ageMs) },
  ...(wide
    ? [
        { header: "SIGNATURE", cell: ({ verifies }: Row) => (verifies === true ? "verified" : "not checked") },
        { header: "HASH", cell: ({ hash }: Row) => hash },
      ]
    : []),
  // Only when there is something to read: a healthy fleet is one screen wide.
  ...(edges.some(({ nack }) => nack)
    ? [{ header: "REASON", cell: ({ nack }: Row) => (nack ? `epoch ${nack.epoch}: ${nack.reason}` : "") }]
    : []),
];
