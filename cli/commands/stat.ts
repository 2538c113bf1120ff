import { Argument, type Command } from "commander";
import type { Grouped, Grouping } from "../../mesh/telemetry/query.ts";
import { connect } from "../client.ts";
import { usage } from "../failure.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";
import { askTraffic, LATENCIES, noTraffic, RATES, type Traffic, windowOption } from "../traffic.ts";

type Options = {
  readonly namespace?: string;
  readonly from?: string;
  /** Milliseconds. */
  readonly window: number;
  readonly output: "table" | "wide" | "json" | "yaml";
};

const SERVICES = ["services", "service", "svc"];
const NAMESPACES = ["namespaces", "namespace", "ns"];
const ROUTES = ["httproutes", "httproute", "hr", "routes"];
const BACKENDS = ["backends", "backend", "be"];

export function statCommand(program: Command): void {
  const command = program
    .command("stat")
    .addArgument(new Argument("[what]", "services, namespaces, routes, backends, or one: svc/cart").default("services"))
    .argument("[name]", "of one")
    .description("how traffic fares: success, requests a second, latency; by service, namespace, route or backend")
    .option("-n, --namespace <name>", "only what is in this namespace")
    .option("--from <namespace/name>", "only calls of this workload")
    .addOption(windowOption("1m"))
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async (what: string, name: string | undefined, options: Options) => {
      const control = await connect(command);
      const { by, title, isMeant } = rowsOf(what, name, options.namespace);
      const where = options.from === undefined ? {} : { caller: options.from };
      const { missing, rows: all } = await askTraffic(control, by, options.window, where);
      const rows = all.filter(({ labels }) => title(labels) !== "" && isMeant(title(labels)));
      const items = rows.map(({ labels: _labels, ...row }, n) => ({ name: title(rows[n]!.labels), ...row }));
      if (options.output === "json") return printJson("Stat", { windowMs: options.window, missing, items });
      if (options.output === "yaml") return printYaml("Stat", { windowMs: options.window, missing, items });
      if (items.length === 0) return say(noTraffic(options.window));
      return print(table(columns(options.output === "wide"), items));
    });
}

type Rows = {
  readonly by: readonly Grouping[];
  /** Empty for calls that came to no such thing. */
  readonly title: (labels: Grouped) => string;
  readonly isMeant: (title: string) => boolean;
};

function rowsOf(what: string, second: string | undefined, namespace: string | undefined): Rows {
  const slash = what.indexOf("/");
  const word = (slash === -1 ? what : what.slice(0, slash)).toLowerCase();
  const name = slash === -1 ? second : what.slice(slash + 1);
  const inNamespace = (title: string): boolean => namespace === undefined || namespaceOf(title) === namespace;
  const isCalled = (title: string): boolean =>
    name === undefined || title === name || title.slice(title.indexOf("/") + 1) === name;
  const isMeant = (title: string): boolean => inNamespace(title) && isCalled(title);
  if (SERVICES.includes(word)) return { by: ["callee"], title: ({ callee = "" }) => callee, isMeant };
  if (NAMESPACES.includes(word)) return { by: ["namespace"], title: ({ namespace: own = "" }) => own, isMeant };
  if (ROUTES.includes(word))
    return {
      by: ["route", "rule"],
      title: ({ route = "", rule = "" }) => (rule === "" ? route : `${route} ${rule}`),
      isMeant: (title) => isMeant(title.split(" ")[0] ?? ""),
    };
  if (BACKENDS.includes(word))
    return {
      by: ["backend"],
      title: ({ backend = "" }) => backend,
      isMeant: (title) => inNamespace(ownerOf(title)) && (title === name || isCalled(ownerOf(title))),
    };
  throw usage(`no statistics by "${what}": there are services, namespaces, routes and backends`);
}

const namespaceOf = (title: string): string => title.split("/")[0] ?? "";
/** `shop/cart` of `Service/shop/cart:80`. */
const ownerOf = (backend: string): string => backend.replace(/^[^/]*\//, "").replace(/:\d+$/, "");

type Row = Omit<Traffic, "labels"> & { readonly name: string };

const columns = (wide: boolean): readonly Column<Row>[] => [
  { header: "NAME", cell: ({ name }) => name },
  { header: "MESHED", cell: ({ identified, requests }) => `${identified}/${requests}`, align: "right" },
  ...RATES,
  ...LATENCIES,
  ...(wide ? WIDE : []),
];

const WIDE: readonly Column<Row>[] = [
  { header: "ERRORS", cell: ({ errors }) => errors, align: "right" },
  { header: "ATTEMPTS", cell: ({ attempts }) => attempts, align: "right" },
  { header: "HEDGES", cell: ({ hedges }) => hedges, align: "right" },
  { header: "DEGRADED", cell: ({ degraded }) => degraded, align: "right" },
  { header: "BYTES_IN", cell: ({ requestBytes }) => requestBytes, align: "right" },
  { header: "BYTES_OUT", cell: ({ responseBytes }) => responseBytes, align: "right" },
];
