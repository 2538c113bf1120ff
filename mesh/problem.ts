/**
 * A complaint about configuration: what is wrong, where it stands, and how to mend it.
 * Nothing here throws: reading and compiling collect every problem, so that one run shows them all.
 */
import type { ProblemCode } from "./problem-codes.ts";

export type Problem = {
  readonly severity: "error" | "warning";
  /** Stable, e.g. `unknown-key`; docs/problems.md has a section for each. */
  readonly code: ProblemCode;
  /** `Kind namespace/name` of the resource it is about, when one could be read. */
  readonly resource?: string;
  /** Where in the resource: `spec.rules[0].matches[1].path.value`. */
  readonly path?: string;
  readonly at?: Location;
  readonly message: string;
  /** What to write instead, in one clause. */
  readonly fix?: string;
  /** A request that shows it, as arguments of `selvedge explain`. */
  readonly witness?: string;
};

/** Line and column count from 1, as editors do. */
export type Location = { readonly file: string; readonly line: number; readonly col: number };

/** `file:line:col: error [code] path: message (fix)`: the form that editors and terminals make clickable. */
export function formatProblem(problem: Problem): string {
  const { at, severity, code, resource, path } = problem;
  const where = at ? `${at.file}:${at.line}:${at.col}: ` : "";
  const what = [resource, path].filter(Boolean).join(" ");
  return `${where}${severity} [${code}] ${what}${what ? ": " : ""}${messageOf(problem)}`;
}

/** What is wrong, with how to see it and how to mend it. */
export const messageOf = ({ message, witness, fix }: Problem): string =>
  [message, ...(witness ? [`; see selvedge explain ${witness}`] : []), ...(fix ? [` (${fix})`] : [])].join("");

/** Problems read top to bottom: by file, then line, then column; those with no place come last. */
export function byPlace(a: Problem, b: Problem): number {
  if (!a.at || !b.at) return Number(!a.at) - Number(!b.at);
  return compareText(a.at.file, b.at.file) || a.at.line - b.at.line || a.at.col - b.at.col;
}

/** Order by code unit: the same on every machine, unlike `localeCompare`. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
