import { Option, type Command } from "commander";
import type { SnapshotResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { compiledFiles } from "../compiled.ts";
import { filenameOption } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { routeRows, type RouteRow } from "../route-rows.ts";
import { snapshotFrom } from "../snapshot-from.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";

type Options = {
  readonly filename?: readonly string[];
  readonly namespace?: string;
  readonly host?: string;
  readonly gateway: string;
  readonly output: "table" | "wide" | "json" | "yaml";
};

export function routesCommand(program: Command): void {
  const command = program
    .command("routes")
    .description("what the snapshot in force routes where, in the order in which an edge tries it")
    .addOption(filenameOption("what these resources would route, without a control plane; repeatable"))
    .addOption(new Option("-n, --namespace <name>", "only routes of this namespace"))
    .addOption(new Option("--host <name>", "only what is routed under this host, or for this service (NAME.NAMESPACE)"))
    .addOption(new Option("--gateway <namespace/name>", "as an edge of this one Gateway has it").default("", "all"))
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ filename, namespace, host, gateway, output }: Options) => {
      const snapshot = filename
        ? (await compiledFiles(filename)).snapshot
        : await snapshotFrom(await (await connect(command)).get<SnapshotResponse>("/snapshot"));
      const items = routeRows(snapshot, gateway).filter(
        (row) =>
          (namespace === undefined || row.route.startsWith(`${namespace}/`)) &&
          (host === undefined || row.host === host),
      );
      if (output === "json") return printJson("RouteList", { items });
      if (output === "yaml") return printYaml("RouteList", { items });
      if (items.length === 0)
        return say(namespace === undefined ? "No routes." : `No routes of ${namespace} namespace.`);
      return print(table(output === "wide" ? [...COLUMNS, ...WIDE] : COLUMNS, items));
    });
}

const COLUMNS: readonly Column<RouteRow>[] = [
  { header: "HOST", cell: ({ host, port, caller }) => `${host}:${port}${caller === null ? "" : ` from ${caller}`}` },
  // What ends in `/*` takes everything beneath; what begins with `~` is a regular expression.
  {
    header: "PATH",
    cell: ({ path: { type, value } }) => (type === "prefix" ? `${value.replace(/\/$/, "")}/*` : sign(type) + value),
  },
  { header: "METHOD", cell: ({ method }) => method ?? "*" },
  {
    header: "HEADERS",
    cell: ({ headers, query }) => [...headers.map(pair), ...query.map((each) => `?${pair(each)}`)].join(","),
  },
  { header: "ROUTE", cell: ({ route }) => route },
  { header: "RULE", cell: ({ rule }) => rule },
  { header: "BACKENDS", cell: backendsCell },
];

const WIDE: readonly Column<RouteRow>[] = [
  { header: "LAYERS", cell: ({ layers }) => layers.join(",") },
  { header: "GATEWAYS", cell: ({ gateways }) => gateways.join(",") },
];

const sign = (type: RouteRow["path"]["type"]): string => (type === "regex" ? "~" : "");

const pair = ({ name, value, regex }: RouteRow["headers"][number]): string => `${name}${regex ? "~" : "="}${value}`;

function backendsCell({ backends, layers }: RouteRow): string {
  if (backends.length === 0) return layers.find((layer) => /^(redirect|refuse)/.test(layer)) ?? "none";
  return backends.map(({ name, weight }) => `${name ?? "invalid"} (${weight})`).join(", ");
}
