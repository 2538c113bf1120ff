import { Option, type Command } from "commander";
import type { SnapshotResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { EXIT, Failure } from "../failure.ts";
import { filenameOption } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { routeRows, type RouteRow } from "../route-rows.ts";
import { readSources } from "../sources.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";

type Options = {
  readonly filename?: readonly string[];
  readonly namespace?: string;
  readonly output: "table" | "wide" | "json" | "yaml";
};

export function routesCommand(program: Command): void {
  const command = program
    .command("routes")
    .description("what the snapshot in force routes where, in the order in which an edge tries it")
    .addOption(filenameOption("what these resources would route, without a control plane; repeatable"))
    .addOption(new Option("-n, --namespace <name>", "only routes of this namespace"))
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ filename, namespace, output }: Options) => {
      const text = filename
        ? await compiled(filename)
        : (await (await connect(command)).get<SnapshotResponse>("/snapshot")).text;
      const { decode } = await import("../../mesh/snapshot-text.ts");
      const items = routeRows(decode(text)).filter(
        ({ route }) => namespace === undefined || route.startsWith(`${namespace}/`),
      );
      if (output === "json") return printJson("RouteList", { items });
      if (output === "yaml") return printYaml("RouteList", { items });
      if (items.length === 0)
        return say(namespace === undefined ? "No routes." : `No routes of ${namespace} namespace.`);
      return print(table(output === "wide" ? [...COLUMNS, LAYERS] : COLUMNS, items));
    });
}

async function compiled(paths: readonly string[]): Promise<string> {
  const [{ readFiles }, { compile }, { countProblems, problemLines }, files] = await Promise.all([
    import("../../mesh/resources/read.ts"),
    import("../../mesh/compile/compile.ts"),
    import("../problems.ts"),
    readSources(paths),
  ]);
  const read = readFiles(files);
  const { text, problems: inCompile } = compile(read.resources);
  const problems = [...read.problems, ...inCompile.map(read.locate)];
  if (problems.some(({ severity }) => severity === "error"))
    throw new Failure(countProblems(problems), EXIT.unparsable, problemLines(problems));
  for (const line of problemLines(problems)) say(line);
  return text;
}

const COLUMNS: readonly Column<RouteRow>[] = [
  { header: "HOST", cell: ({ host, port }) => `${host}:${port}` },
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

const LAYERS: Column<RouteRow> = { header: "LAYERS", cell: ({ layers }) => layers.join(",") };

const sign = (type: RouteRow["path"]["type"]): string => (type === "regex" ? "~" : "");

const pair = ({ name, value, regex }: RouteRow["headers"][number]): string => `${name}${regex ? "~" : "="}${value}`;

function backendsCell({ backends, layers }: RouteRow): string {
  if (backends.length === 0) return layers.find((layer) => /^(redirect|refuse)/.test(layer)) ?? "none";
  return backends.map(({ name, weight }) => `${name ?? "invalid"} (${weight})`).join(", ");
}
