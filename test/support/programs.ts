/** Programs that a test needs and npm does not bring. `.ci/run` installs them. */
import { spawnSync } from "node:child_process";

const lacks = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).error !== undefined;

/** Why a test in Python is not run, where the system's Python lacks one of `modules`. */
export function missingInPython(...modules: readonly string[]): string | undefined {
  const { status } = spawnSync(PYTHON, ["-c", `import ${modules.join(", ")}`], { stdio: "ignore" });
  if (status === 0) return undefined;
  const why = `not run: ${PYTHON} has not all of ${modules.join(", ")}`;
  console.warn(why);
  return why;
}

/** The one for which the system's packages are. */
export const PYTHON = "/usr/bin/python3";

/** Of `programs` the first that this machine does not have, said so that a skipped test's name tells why it was not run. */
export function missing(...programs: readonly string[]): string | undefined {
  const program = programs.find(lacks);
  if (program === undefined) return undefined;
  const why = `not run: this machine has no ${program}`;
  console.warn(why);
  return why;
}
