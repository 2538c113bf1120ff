import type { Command } from "commander";
import { OTHER } from "../../mesh/telemetry/series.ts";
import { connect } from "../client.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";
import { askTraffic, noTraffic, RATES, type Traffic, windowOption } from "../traffic.ts";

type Options = {
  readonly namespace?: string;
  /** Milliseconds. */
  readonly window: number;
  readonly output: "table" | "wide" | "json" | "yaml";
};

export function edgesCommand(program: Command): void {
  const command = program
    .command("edges")
    .description("who calls whom, and whether the caller has proven who it is; which edge runs what: proxy-status")
    .option("-n, --namespace <name>", "only calls from or to this namespace")
    .addOption(windowOption("10m"))
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .action(async ({ namespace, window, output }: Options) => {
      const control = await connect(command);
      const { missing, rows } = await askTraffic(control, ["caller", "callee"], window, {});
      const items = rows
        .filter(({ labels: { callee } }) => callee !== undefined && callee !== "")
        .map(edgeOf)
        .filter(({ srcNamespace, dstNamespace }) => [undefined, srcNamespace, dstNamespace].includes(namespace))
        .toSorted((a, b) => orderOf(a).localeCompare(orderOf(b)));
      if (output === "json") return printJson("Edges", { windowMs: window, missing, items });
      if (output === "yaml") return printYaml("Edges", { windowMs: window, missing, items });
      if (items.length === 0) return say(noTraffic(window));
      return print(table(columns(output === "wide"), items));
    });
}

/** `src` is null where nobody has proven who calls. */
type Edge = Omit<Traffic, "labels"> & {
  readonly src: string | null;
  readonly dst: string;
  readonly srcNamespace: string | null;
  readonly dstNamespace: string;
  readonly secured: boolean;
};

function edgeOf({ labels: { caller = "", callee = "" }, ...traffic }: Traffic): Edge {
  const secured = caller !== "" && caller !== OTHER;
  const [srcNamespace = "", src = srcNamespace] = caller.split("/");
  const [dstNamespace = "", dst = dstNamespace] = callee.split("/");
  return {
    src: src === "" ? null : src,
    dst,
    srcNamespace: secured ? srcNamespace : null,
    dstNamespace,
    secured,
    ...traffic,
  };
}

const orderOf = ({ srcNamespace, src, dstNamespace, dst }: Edge): string =>
  [srcNamespace ?? "", src ?? "", dstNamespace, dst].join(" ");

const columns = (wide: boolean): readonly Column<Edge>[] => [
  { header: "SRC", cell: ({ src }) => src ?? "" },
  { header: "DST", cell: ({ dst }) => dst },
  { header: "SRC_NS", cell: ({ srcNamespace }) => srcNamespace ?? "" },
  { header: "DST_NS", cell: ({ dstNamespace }) => dstNamespace },
  { header: "SECURED", cell: ({ secured }) => (secured ? "√" : "×") },
  ...(wide ? WIDE : []),
];

const WIDE: readonly Column<Edge>[] = [
  { header: "REQUESTS", cell: ({ requests }) => requests, align: "right" },
  ...RATES,
];
