/** Programs that a test needs and npm does not bring. `.ci/run` installs them. */
import { spawnSync } from "node:child_process";

const lacks = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).error !== undefined;

/** Of `programs` the first that this machine does not have, said so that a skipped test's name tells why it was not run. */
export function missing(...programs: readonly string[]): string | undefined {
  const program = programs.find(lacks);
  if (program === undefined) return undefined;
  const why = `not run: this machine has no ${program}`;
  console.warn(why);
  return why;
}
