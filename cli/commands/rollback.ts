import type { Command } from "commander";
import type { ChangeResponse, HistoryResponse, RollbackRequest } from "../../mesh/api.ts";
import { connect, type Control } from "../client.ts";
import { Failure } from "../failure.ts";
import { parseEpoch } from "../options.ts";
import { waitForEdges, waitOptions } from "../wait.ts";

type Options = { readonly dryRun?: true; readonly message?: string; readonly wait?: true; readonly timeout: number };

export function rollbackCommand(program: Command): void {
  const command = program
    .command("rollback")
    .description("make the resources of an earlier epoch a new one")
    .argument("[epoch]", "which (default: the one before the epoch in force)", parseEpoch)
    .option("--dry-run", "say what would change; change nothing")
    .option("-m, --message <text>", "why, for the history");
  waitOptions(command).action(async (epoch: number | undefined, options: Options) => {
    const control = await connect(command);
    const { author, printChanges } = await import("../changes.ts");
    const { dryRun = false, message } = options;
    const to = epoch ?? (await previousEpoch(control));
    const request: RollbackRequest = { to, dryRun, ...author(), ...(message === undefined ? {} : { message }) };
    const answer = await control.post<ChangeResponse>("/rollback", request);
    printChanges(answer, dryRun);
    if (options.wait && !dryRun) await waitForEdges(control, answer, options.timeout);
  });
}

async function previousEpoch(control: Control): Promise<number> {
  const { items } = await control.get<HistoryResponse>("/history?limit=2");
  const previous = items[1];
  if (!previous) throw new Failure("there is no earlier epoch to go back to");
  return previous.epoch;
}
