/** What could stand at the cursor: the one place that the three shells' scripts ask. */
import type { Command, Option } from "commander";
import type { ResourcesResponse } from "../mesh/api.ts";
import { controlAt } from "./client.ts";
import { findConnection } from "./connection.ts";
import { readContexts } from "./contexts.ts";

/** Tells the script to offer files, as the shell does by itself. */
const FILES = ":files";

/** A shell waits for this; better no names than a frozen prompt. Milliseconds. */
const PATIENCE = 1500;

/** `words` is the line after `selvedge`; the last is the one under the cursor, perhaps empty. */
export async function complete(program: Command, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const { command, positionals, flags, cursorOn } = walk(program, words.slice(0, -1));
  const candidates = cursorOn
    ? await optionValues(cursorOn)
    : typed.startsWith("-")
      ? optionNames(program, command)
      : await operands(command, positionals, flags);
  return candidates.filter((candidate) => candidate === FILES || candidate.startsWith(typed));
}

type Line = {
  readonly command: Command;
  readonly positionals: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
  /** Set when the cursor is on this option's value. */
  readonly cursorOn?: Option;
};

function walk(program: Command, words: readonly string[]): Line {
  let command = program;
  const positionals: string[] = [];
  const flags: Record<string, string> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const option = [...command.options, ...program.options].find((each) => each.short === word || each.long === word);
    if (option?.required) {
      if (i === words.length - 1) return { command, positionals, flags, cursorOn: option };
      flags[option.name()] = words[++i] ?? "";
    } else if (!word.startsWith("-") || word === "-") {
      const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (next) command = next;
      else positionals.push(word);
    }
  }
  return { command, positionals, flags };
}

async function optionValues(option: Option): Promise<string[]> {
  if (option.argChoices) return [...option.argChoices];
  if (option.long === "--context") return contextNames();
  return option.long === "--filename" || option.long === "--token-file" ? [FILES] : [];
}

const optionNames = (program: Command, command: Command): string[] =>
  [...command.options, ...program.options].filter(({ hidden }) => !hidden).flatMap(({ long }) => (long ? [long] : []));

async function operands(command: Command, positionals: readonly string[], flags: Line["flags"]): Promise<string[]> {
  const subcommands = command.commands.map((each) => each.name()).filter((name) => !name.startsWith("_"));
  if (subcommands.length > 0) return subcommands;
  switch (command.name()) {
    case "get":
    case "describe":
    case "delete":
      return positionals[0] === undefined ? kindNames() : resourceNames(positionals[0], flags);
    case "analyze":
      return [FILES];
    case "use":
    case "remove":
    case "show":
      return contextNames();
    default:
      return command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  }
}

const contextNames = async (): Promise<string[]> => Object.keys((await readContexts(process.env)).contexts);

async function kindNames(): Promise<string[]> {
  const { KINDS } = await import("../mesh/resources/kinds.ts");
  return KINDS.map(({ plural }) => plural);
}

async function resourceNames(word: string, flags: Line["flags"]): Promise<string[]> {
  const { findKind } = await import("../mesh/resources/kinds.ts");
  const kind = findKind(word);
  if (!kind) return [];
  const connection = await findConnection({ ...flags }, process.env, process.cwd());
  const query = new URLSearchParams({
    kind: kind.kind,
    ...(kind.namespaced ? { namespace: flags["namespace"] ?? "default" } : {}),
  });
  const { items } = await controlAt(connection, PATIENCE).get<ResourcesResponse>(`/resources?${query.toString()}`);
  return items.map(({ metadata: { name } }) => name);
}
