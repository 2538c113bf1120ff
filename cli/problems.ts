/** Problems as lines for stderr, and their count. */
import { byPlace, formatProblem, type Problem } from "../mesh/problem.ts";
import { count, printable } from "./terminal.ts";

export const problemLines = (problems: readonly Problem[]): string[] =>
  problems.toSorted(byPlace).map((problem) => printable(formatProblem(problem)));

export function countProblems(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  return [errors > 0 && count(errors, "error"), warnings > 0 && count(warnings, "warning")].filter(Boolean).join(", ");
}
