import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { ApplyRequest, ChangeResponse, ChangeResult } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { colouredDiff } from "../coloured-diff.ts";
import { EXIT, Failure } from "../failure.ts";
import { filenameOption } from "../options.ts";
import { readSources } from "../sources.ts";
import { print, say } from "../terminal.ts";

/** diff(1)'s codes, which kubectl diff keeps too. */
const SAME = 0;
const DIFFERENT = 1;
const TROUBLE = 2;

type Change = { readonly name: string; readonly before: string; readonly after: string };

export function diffCommand(program: Command): void {
  const command = program
    .command("diff")
    .description("what apply would change; exits 0 for nothing, 1 for differences, 2 on error")
    .addOption(filenameOption("file, directory, or - for stdin; repeatable").makeOptionMandatory())
    .option("--prune", "count what these files no longer have as deleted")
    .addHelpText("after", "\nSELVEDGE_EXTERNAL_DIFF names a program, with options, that compares two folders instead.")
    .action(async (options: { readonly filename: readonly string[]; readonly prune?: true }) => {
      try {
        process.exitCode = await diff(command, options.filename, options.prune ?? false);
      } catch (error) {
        if (!(error instanceof Failure) || error.exitCode === EXIT.usage) throw error;
        throw new Failure(error.message, TROUBLE, error.details);
      }
    });
}

async function diff(command: Command, paths: readonly string[], prune: boolean): Promise<number> {
  const [control, files] = await Promise.all([connect(command), readSources(paths)]);
  const request: ApplyRequest = { files, prune, dryRun: true };
  const answer = await control.post<ChangeResponse>("/apply", request);
  const { problemLines } = await import("../problems.ts");
  for (const line of problemLines(answer.problems)) say(line);
  const { resourceYaml } = await import("../../mesh/resources/to-yaml.ts");
  const changes = answer.results
    .filter(({ action }) => action !== "unchanged")
    .map((result) => ({
      name: fileName(result),
      before: result.before ? resourceYaml(result.before) : "",
      after: result.after ? resourceYaml(result.after) : "",
    }));
  if (changes.length === 0) return SAME;
  const external = process.env["SELVEDGE_EXTERNAL_DIFF"]?.trim();
  if (external) return runExternal(external.split(/\s+/), changes);
  const { unifiedDiff } = await import("../../mesh/line-diff.ts");
  for (const { name, before, after } of changes)
    print(colouredDiff(unifiedDiff(before, after, `live/${name}`, `merged/${name}`)));
  return DIFFERENT;
}

const fileName = ({ kind, namespace, name }: ChangeResult): string =>
  `${[kind, namespace, name].filter(Boolean).join(".")}.yaml`;

/** The program gets two folders, as KUBECTL_EXTERNAL_DIFF does; no shell is between, so a name cannot become a command. */
async function runExternal([program = "", ...args]: readonly string[], changes: readonly Change[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-diff-"));
  try {
    for (const side of ["live", "merged"]) await mkdir(join(folder, side));
    for (const { name, before, after } of changes) {
      if (before !== "") await writeFile(join(folder, "live", name), before);
      if (after !== "") await writeFile(join(folder, "merged", name), after);
    }
    const code = await new Promise<number | null>((resolve, reject) => {
      spawn(program, [...args, "live", "merged"], { cwd: folder, stdio: "inherit" })
        .on("error", reject)
        .on("close", resolve);
    }).catch((error: Error) => {
      throw new Failure(`SELVEDGE_EXTERNAL_DIFF: ${error.message}`);
    });
    if (code === SAME || code === DIFFERENT) return code;
    throw new Failure(`SELVEDGE_EXTERNAL_DIFF: ${program} ended with ${code ?? "a signal"}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
