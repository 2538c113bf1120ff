/** Resources compiled on this machine: those of files, or those in force. */
import type { ResourcesResponse } from "../mesh/api.ts";
import type { Compiled } from "../mesh/compile/compile.ts";
import type { Control } from "./client.ts";
import { EXIT, Failure } from "./failure.ts";
import { readSources } from "./sources.ts";
import { say } from "./terminal.ts";

/** Says on stderr what is wrong; throws a Failure where an apply would be refused. */
export async function compiledFiles(paths: readonly string[]): Promise<Compiled> {
  const [{ readFiles }, { compile }, { countProblems, problemLines }, files] = await Promise.all([
    import("../mesh/resources/read.ts"),
    import("../mesh/compile/compile.ts"),
    import("./problems.ts"),
    readSources(paths),
  ]);
  const read = readFiles(files);
  const compiled = compile(read.resources);
  const problems = [...read.problems, ...compiled.problems.map(read.locate)];
  if (problems.some(({ severity }) => severity === "error"))
    throw new Failure(countProblems(problems), EXIT.unparsable, problemLines(problems));
  for (const line of problemLines(problems)) say(line);
  return compiled;
}

/** The same resources give the same snapshot, wherever they are compiled. */
export async function compiledInForce(
  control: Control,
): Promise<{ readonly compiled: Compiled; readonly epoch: number }> {
  const [{ compile }, { items, epoch }] = await Promise.all([
    import("../mesh/compile/compile.ts"),
    control.get<ResourcesResponse>("/resources"),
  ]);
  return { compiled: compile(items), epoch };
}
