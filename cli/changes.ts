/** What apply, delete and rollback say when control has answered. */
import { userInfo } from "node:os";
import type { ChangeResponse } from "../mesh/api.ts";
import { objectName } from "./kinds.ts";
import { problemLines } from "./problems.ts";
import { print, printable, say } from "./terminal.ts";

/** One line an object on stdout, as kubectl; warnings and the epoch on stderr. */
export function printChanges(answer: ChangeResponse, dryRun: boolean, sentence = applied): void {
  const suffix = dryRun ? " (dry run)" : "";
  print(answer.results.map((result) => `${printable(sentence(result))}${suffix}\n`).join(""));
  for (const line of problemLines(answer.problems)) say(line);
  if (!answer.changed) say(`unchanged, epoch ${answer.epoch} stays`);
  else if (dryRun) say(`dry run, epoch ${answer.epoch} stays`);
  else say(`epoch ${answer.epoch} (${shortHash(answer.hash)})`);
}

type Result = ChangeResponse["results"][number];

const applied = (result: Result): string => `${objectName(result)} ${result.action}`;

/** kubectl writes deletions differently: `service "catalog" deleted`. */
export const deleted = (result: Result): string =>
  objectName(result).replace(/\/(.*)$/, (_, name) => ` "${name}" ${result.action}`);

const shortHash = (hash: string): string => `sha256:${hash.replace(/^sha256:/, "").slice(0, 8)}…`;

/** Who is at the keyboard, for the history. A container's user may have no name; then control writes what it knows. */
export function author(): { author?: string } {
  try {
    return { author: userInfo().username };
  } catch {
    return {};
  }
}
