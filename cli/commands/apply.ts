import type { Command } from "commander";
import type { ApplyRequest, ChangeResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { filenameOption, parseEpoch } from "../options.ts";
import { readSources } from "../sources.ts";
import { waitForEdges, waitOptions } from "../wait.ts";

type Options = {
  readonly filename: readonly string[];
  readonly prune?: true;
  readonly dryRun?: true;
  readonly ifMatch?: number;
  readonly message?: string;
  readonly wait?: true;
  readonly timeout: number;
};

export function applyCommand(program: Command): void {
  const command = program
    .command("apply")
    .description("bring resources into force, all of them or none")
    .addOption(filenameOption("file, directory, or - for stdin; repeatable").makeOptionMandatory())
    .option("--prune", "delete what an earlier apply brought and these files no longer have")
    .option("--dry-run", "say what would change; change nothing")
    .option("--if-match <epoch>", "refuse when another epoch is in force", parseEpoch)
    .option("-m, --message <text>", "why, for the history");
  waitOptions(command).action(async (options: Options) => {
    const [control, files] = await Promise.all([connect(command), readSources(options.filename)]);
    const { author, printChanges } = await import("../changes.ts");
    const { prune = false, dryRun = false, message, ifMatch } = options;
    const request: ApplyRequest = { files, prune, dryRun, ...author(), ...(message === undefined ? {} : { message }) };
    const answer = await control.post<ChangeResponse>("/apply", request, ifMatch === undefined ? {} : { ifMatch });
    printChanges(answer, dryRun);
    if (options.wait && !dryRun) await waitForEdges(control, answer, options.timeout);
  });
}
