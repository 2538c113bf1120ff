import { Option, type Command } from "commander";
import type { BreakersResponse, BreakerStatus, Hold } from "../../mesh/api.ts";
import { connect, type Control } from "../client.ts";
import { age, parseDuration } from "../duration.ts";
import { Failure } from "../failure.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, printable, say } from "../terminal.ts";

type Options = {
  readonly output: "table" | "json" | "yaml";
  readonly force?: "open" | "closed" | "none";
  /** Milliseconds. */
  readonly for: number;
};

export function breakersCommand(program: Command): void {
  const command = program
    .command("breakers [name]")
    .description(
      "every breaker and error budget of faults in the fleet, or those with this in their names; --force holds one open or closed",
    )
    .addOption(
      new Option("--force <state>", "hold the named breaker, or let go of it").choices(["open", "closed", "none"]),
    )
    .addOption(
      new Option("--for <duration>", "how long to hold it, at most a day")
        .argParser(parseDuration)
        .default(600_000, "10m"),
    )
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async (name: string | undefined, { output, force, for: forMs }: Options) => {
      const control = await connect(command);
      const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
      const { epoch, items } = await control.get<BreakersResponse>(`/breakers${query}`);
      if (force) return hold(control, only(items, name), force, forMs);
      if (output === "json") return printJson("Breakers", { epoch, items });
      if (output === "yaml") return printYaml("Breakers", { epoch, items });
      if (items.length === 0)
        return say(
          name === undefined
            ? "No TrafficPolicy asks for a breaker or for faults."
            : `No breaker has ${name} in its name.`,
        );
      return print(table(COLUMNS, items));
    });
}

const COLUMNS: readonly Column<BreakerStatus>[] = [
  { header: "NAME", cell: ({ circuit }) => circuit },
  { header: "STATE", cell: stateOf },
  { header: "OPEN ALONE", cell: openAlone },
  { header: "TRIPS", cell: ({ trips }) => trips ?? "" },
  { header: "PROBE IN", cell: ({ forMs }) => (forMs === undefined ? "" : age(forMs)) },
  { header: "HELD", cell: ({ held }) => (held ? `${held.to}, ${age(held.forMs)} more` : "") },
];

function stateOf({ kind, state, closedMs }: BreakerStatus): string {
  if (kind === "fault-budget" && state === "open") return "OPEN, faults are over";
  return closedMs === undefined ? state.toUpperCase() : "CLOSED, ramping up";
}

/** Isolates that refuse calls though the fleet's circuit is closed: how many of those that call, and at which edges. */
function openAlone({ openIn = [], callers = 0 }: BreakerStatus): string {
  if (openIn.length === 0) return "";
  const edges = [...new Set(openIn.map(({ edge }) => edge || "unknown"))].toSorted();
  const more = edges.length > MOST_NAMED ? `, ${edges.length - MOST_NAMED} more` : "";
  return `${openIn.length} of ${callers}: ${edges.slice(0, MOST_NAMED).join(", ")}${more}`;
}

const MOST_NAMED = 3;

/** The one that is meant: a name that says it whole, or the only one that it is a part of. */
function only(items: readonly BreakerStatus[], name: string | undefined): string {
  if (name === undefined) throw new Failure("name the breaker to force: selvedge breakers shows them");
  const exact = items.find(({ circuit }) => circuit === name) ?? (items.length === 1 ? items[0] : undefined);
  if (exact) return exact.circuit;
  const names = items.map(({ circuit }) => `  ${printable(circuit)}`);
  throw new Failure(
    items.length === 0
      ? `no breaker has ${name} in its name`
      : `${items.length} breakers have ${name} in their names: name one whole`,
    undefined,
    names,
  );
}

async function hold(
  control: Control,
  circuit: string,
  force: NonNullable<Options["force"]>,
  forMs: number,
): Promise<void> {
  const asked: Hold = force === "none" ? { circuit, to: "closed", forMs: 0 } : { circuit, to: force, forMs };
  await control.post<Hold>("/breakers", asked);
  say(
    force === "none"
      ? `${printable(circuit)} goes by itself again as soon as edges hear of it.`
      : `${printable(circuit)} is held ${force} for ${age(forMs)}; edges with traffic hear of it within seconds.`,
  );
}
