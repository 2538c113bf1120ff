import { setTimeout as delay } from "node:timers/promises";
import { Option, type Command } from "commander";
import type { Grouping } from "../../mesh/telemetry/query.ts";
import { connect } from "../client.ts";
import { age, parseDuration } from "../duration.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { paint, print, say } from "../terminal.ts";
import { askTraffic, LATENCIES, noTraffic, RATES, type Traffic, windowOption } from "../traffic.ts";

type Options = {
  readonly namespace?: string;
  /** Milliseconds. */
  readonly window: number;
  readonly every: number;
  readonly sort: keyof typeof ORDERS;
  readonly output: "table" | "wide" | "json" | "yaml";
};

const BY: readonly Grouping[] = ["caller", "callee", "method", "route", "rule"];
const ORDERS = {
  requests: (a: Traffic, b: Traffic) => b.requests - a.requests,
  errors: (a: Traffic, b: Traffic) => b.errors - a.errors || b.requests - a.requests,
  latency: (a: Traffic, b: Traffic) => b.p99 - a.p99,
};
/** A screen that is not told its height. */
const ROWS = 24;
const HOME_AND_CLEAR = "\u001b[H\u001b[J";

export function topCommand(program: Command): void {
  const command = program
    .command("top")
    .description("the busiest calls of the last seconds, live on a terminal until Ctrl-C; into a pipe, once")
    .option("-n, --namespace <name>", "only calls to this namespace")
    .addOption(
      new Option("--sort <by>", "what comes first").choices(["requests", "errors", "latency"]).default("requests"),
    )
    .addOption(new Option("--every <duration>", "how often to look").argParser(parseDuration).default(2000, "2s"))
    .addOption(windowOption("30s"))
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async (options: Options) => {
      const { namespace, window, every, sort, output } = options;
      const control = await connect(command);
      const where = namespace === undefined ? {} : { namespace };
      const look = async () => {
        const { missing, rows } = await askTraffic(control, BY, window, where);
        return { missing, rows: rows.toSorted(ORDERS[sort]) };
      };
      if (output === "json" || output === "yaml" || !process.stdout.isTTY) {
        const { missing, rows } = await look();
        const items = rows.map(({ labels, ...traffic }) => ({ ...labels, ...traffic }));
        if (output === "json") return printJson("Top", { windowMs: window, missing, items });
        if (output === "yaml") return printYaml("Top", { windowMs: window, missing, items });
        if (items.length === 0) return say(noTraffic(window));
        return print(table(columns(output === "wide"), rows));
      }
      for (;;) {
        const { rows } = await look();
        const shown = rows.slice(0, (process.stdout.rows ?? ROWS) - 3);
        const title = `${control.url}, the last ${age(window)}, by ${sort}; Ctrl-C ends it`;
        print(`${HOME_AND_CLEAR}${paint(process.stdout).dim(title)}\n\n${table(columns(output === "wide"), shown)}`);
        await delay(Math.max(MIN_EVERY_MS, every));
      }
    });
}

/** Each look asks all collectors. */
const MIN_EVERY_MS = 500;

const columns = (wide: boolean): readonly Column<Traffic>[] => [
  { header: "SOURCE", cell: ({ labels: { caller = "" } }) => caller },
  { header: "DESTINATION", cell: ({ labels: { callee = "" } }) => callee },
  { header: "METHOD", cell: ({ labels: { method = "" } }) => method },
  { header: "ROUTE", cell: ({ labels: { route = "", rule = "" } }) => (rule === "" ? route : `${route} ${rule}`) },
  { header: "COUNT", cell: ({ requests }) => requests, align: "right" },
  ...RATES,
  ...(wide ? LATENCIES : LATENCIES.filter(({ header }) => header !== "LATENCY_P95")),
  ...(wide ? [{ header: "ATTEMPTS", cell: ({ attempts }: Traffic) => attempts, align: "right" as const }] : []),
];
