import type { Command } from "commander";
import type { ChangeResponse, DeleteRequest, ResourceRef } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { EXIT, Failure, usage } from "../failure.ts";
import { filenameOption, namespaceOption } from "../options.ts";
import { readSources } from "../sources.ts";
import { waitForEdges, waitOptions } from "../wait.ts";

type Options = {
  readonly filename?: readonly string[];
  readonly namespace: string;
  readonly dryRun?: true;
  readonly message?: string;
  readonly wait?: true;
  readonly timeout: number;
};

export function deleteCommand(program: Command): void {
  const command = program
    .command("delete")
    .description("take resources out of force")
    .argument("[target...]", "KIND NAME…, or KIND/NAME…")
    .addOption(filenameOption("the resources that this file or directory has, or - for stdin; repeatable"))
    .addOption(namespaceOption())
    .option("--dry-run", "say what would go; change nothing")
    .option("-m, --message <text>", "why, for the history");
  waitOptions(command).action(async (words: readonly string[], options: Options) => {
    const control = await connect(command);
    const refs = await refsOf(words, options);
    const { author, deleted, printChanges } = await import("../changes.ts");
    const { dryRun = false, message } = options;
    const request: DeleteRequest = { refs, dryRun, ...author(), ...(message === undefined ? {} : { message }) };
    const answer = await control.post<ChangeResponse>("/delete", request).catch((error: unknown) => {
      // What was named could be read; it is not there.
      throw error instanceof Failure ? new Failure(error.message, EXIT.failed, error.details) : error;
    });
    printChanges(answer, dryRun, deleted);
    if (options.wait && !dryRun) await waitForEdges(control, answer, options.timeout);
  });
}

async function refsOf(words: readonly string[], { filename, namespace }: Options): Promise<ResourceRef[]> {
  if (filename !== undefined) {
    if (words.length > 0) throw usage("delete takes either KIND NAME or -f, not both");
    return refsInFiles(filename);
  }
  const { parseTargets } = await import("../kinds.ts");
  const targets = words.length === 0 ? [] : parseTargets(words);
  const refs = targets.flatMap(({ kind, names }) =>
    names.map((name) => ({ kind: kind.kind, ...(kind.namespaced ? { namespace } : {}), name })),
  );
  // Deleting all of a kind is never meant by leaving the name out.
  if (refs.length === 0) throw usage("name what to delete: KIND NAME…, KIND/NAME…, or -f FILE");
  return refs;
}

async function refsInFiles(paths: readonly string[]): Promise<ResourceRef[]> {
  const [{ readFiles }, { countProblems, problemLines }, files] = await Promise.all([
    import("../../mesh/resources/read.ts"),
    import("../problems.ts"),
    readSources(paths),
  ]);
  const { resources, problems } = readFiles(files);
  if (problems.some(({ severity }) => severity === "error"))
    throw new Failure(`${countProblems(problems)}; nothing was deleted`, EXIT.unparsable, problemLines(problems));
  return resources.map(({ kind, metadata: { namespace, name } }) => ({
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
  }));
}
