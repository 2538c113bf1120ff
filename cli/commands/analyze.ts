import { Option, type Command } from "commander";
import type { ResourcesResponse } from "../../mesh/api.ts";
import { byPlace, type Problem } from "../../mesh/problem.ts";
import { connect } from "../client.ts";
import { EXIT } from "../failure.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { readSources, STDIN } from "../sources.ts";
import { count, paint, print, printable, say } from "../terminal.ts";

type Severity = Problem["severity"];
type Options = { readonly output: "log" | "json" | "yaml" | "github"; readonly failureThreshold: Severity };
type Analysis = { readonly problems: readonly Problem[]; readonly subject: string };

export function analyzeCommand(program: Command): void {
  const command = program
    .command("analyze")
    .description("what is wrong with these files, without applying them; without files: with the resources in force")
    .argument("[paths...]", "files, directories, or - for stdin")
    .addOption(outputOption(["log", "json", "yaml", "github"]))
    .addOption(
      new Option("--failure-threshold <level>", "exit 79 from this level on")
        .choices(["error", "warning"])
        .default("error"),
    )
    .action(async (paths: readonly string[], { output, failureThreshold }: Options) => {
      const { problems, subject } = paths.length > 0 ? await analyzeFiles(paths) : await analyzeLive(command);
      const sorted = problems.toSorted(byPlace);
      await show(sorted, output);
      if (sorted.length === 0) say(`✔ No validation issues found when analyzing ${subject}.`);
      process.exitCode = exitCode(sorted, failureThreshold);
      if (process.exitCode !== EXIT.ok)
        say(`Error: Analyzers found ${count(sorted.length, "issue")} when analyzing ${subject}.`);
    });
}

/** The same for every format, unlike istioctl's, which is 0 for JSON and YAML whatever it found. */
function exitCode(problems: readonly Problem[], threshold: Severity): number {
  if (problems.some(({ code }) => code === "yaml-syntax")) return EXIT.unparsable;
  return problems.some(({ severity }) => severity === "error" || severity === threshold) ? EXIT.issues : EXIT.ok;
}

async function analyzeFiles(paths: readonly string[]): Promise<Analysis> {
  const [{ readFiles }, { compile }, files] = await Promise.all([
    import("../../mesh/resources/read.ts"),
    import("../../mesh/compile/compile.ts"),
    readSources(paths),
  ]);
  const { resources, problems, locate } = readFiles(files);
  return {
    problems: [...problems, ...compile(resources).problems.map(locate)],
    subject: paths.map((path) => (path === "-" ? STDIN : path)).join(", "),
  };
}

async function analyzeLive(command: Command): Promise<Analysis> {
  const control = await connect(command);
  const [{ compile }, { items, epoch }] = await Promise.all([
    import("../../mesh/compile/compile.ts"),
    control.get<ResourcesResponse>("/resources"),
  ]);
  return { problems: compile(items).problems, subject: `epoch ${epoch} at ${control.url}` };
}

async function show(problems: readonly Problem[], output: Options["output"]): Promise<void> {
  switch (output) {
    case "log":
      return print(problems.map(logLine).join(""));
    case "github":
      return print(problems.map(githubLine).join(""));
    case "json":
      return printJson("Analysis", { items: problems.map(item) });
    case "yaml":
      return printYaml("Analysis", { items: problems.map(item) });
  }
}

/** istioctl's line: `Error [code] (Kind namespace/name file:line:col) message`. */
function logLine({ severity, code, resource, path, at, message, fix }: Problem): string {
  const { red, yellow } = paint(process.stdout);
  const level = severity === "error" ? red("Error") : yellow("Warning");
  const origin = [resource, at && `${at.file}:${at.line}:${at.col}`].filter(Boolean).join(" ");
  const text = `${origin ? `(${origin}) ` : ""}${path === undefined ? "" : `${path}: `}${message}${fix === undefined ? "" : ` (${fix})`}`;
  return `${level} [${code}] ${printable(text)}\n`;
}

/** A workflow command, which GitHub shows beside the line of the pull request. */
function githubLine({ severity, code, resource, path, at, message, fix }: Problem): string {
  const place = at ? [`file=${property(at.file)}`, `line=${at.line}`, `col=${at.col}`] : [];
  const text = `${[resource, path].filter(Boolean).join(" ")}: ${message}${fix === undefined ? "" : ` (${fix})`}`;
  return `::${severity} ${[...place, `title=${property(code)}`].join(",")}::${data(text)}\n`;
}

const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

/** istioctl's row, with our casing. */
const item = ({ severity, code, resource, path, at, message, fix }: Problem) => ({
  code,
  level: severity,
  origin: resource ?? null,
  path: path ?? null,
  reference: at ? `${at.file}:${at.line}:${at.col}` : null,
  message,
  fix: fix ?? null,
});
