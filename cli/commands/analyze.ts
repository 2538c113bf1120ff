import { InvalidArgumentError, Option, type Command } from "commander";
import type { ResourcesResponse } from "../../mesh/api.ts";
import { byPlace, messageOf, type Problem } from "../../mesh/problem.ts";
import { PROBLEM_CODES } from "../../mesh/problem-codes.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { connect } from "../client.ts";
import { EXIT } from "../failure.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { readSources, STDIN } from "../sources.ts";
import { table } from "../table.ts";
import { count, paint, print, printable, say } from "../terminal.ts";

type Severity = Problem["severity"];
type Options = {
  readonly output: "log" | "json" | "yaml" | "github";
  readonly failureThreshold: Severity;
  readonly suppress?: readonly Suppression[];
  readonly list?: true;
};
/** Problems of a code, of all resources or of one. */
type Suppression = { readonly code: string; readonly resource: string | undefined };
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
    .addOption(
      new Option(
        "-S, --suppress <code>",
        "leave a code out, or with =KIND NAMESPACE/NAME that resource's; repeatable",
      ).argParser(parseSuppression),
    )
    .addOption(new Option("-L, --list", "only say which codes there are"))
    .action(async (paths: readonly string[], { output, failureThreshold, suppress = [], list }: Options) => {
      if (list) return print(table(CODE_COLUMNS, Object.entries(PROBLEM_CODES)));
      const { problems, subject } = paths.length > 0 ? await analyzeFiles(paths) : await analyzeLive(command);
      const sorted = problems.filter((problem) => !isSuppressed(problem, suppress)).toSorted(byPlace);
      await show(sorted, output);
      if (sorted.length === 0) say(`✔ No validation issues found when analyzing ${subject}.`);
      process.exitCode = exitCode(sorted, failureThreshold);
      if (process.exitCode !== EXIT.ok)
        say(`Error: Analyzers found ${count(sorted.length, "issue")} when analyzing ${subject}.`);
    });
}

const CODE_COLUMNS = [
  { header: "CODE", cell: ([code]: readonly [string, string]) => code },
  { header: "MEANS", cell: ([, means]: readonly [string, string]) => means },
];

function parseSuppression(value: string, before: readonly Suppression[] = []): Suppression[] {
  const [code = "", resource] = value.split("=", 2);
  if (!Object.hasOwn(PROBLEM_CODES, code))
    throw new InvalidArgumentError(`There is no code "${code}": selvedge analyze --list shows them.`);
  return [...before, { code, resource }];
}

const isSuppressed = (problem: Problem, all: readonly Suppression[]): boolean =>
  all.some(({ code, resource }) => problem.code === code && (resource ?? problem.resource) === problem.resource);

/** The same for every format, unlike istioctl's, which is 0 for JSON and YAML whatever it found. */
function exitCode(problems: readonly Problem[], threshold: Severity): number {
  if (problems.some(({ code }) => code === "yaml-syntax")) return EXIT.unparsable;
  return problems.some(({ severity }) => severity === "error" || severity === threshold) ? EXIT.issues : EXIT.ok;
}

async function analyzeFiles(paths: readonly string[]): Promise<Analysis> {
  const [{ readFiles }, files] = await Promise.all([import("../../mesh/resources/read.ts"), readSources(paths)]);
  const { resources, problems, locate } = readFiles(files);
  return {
    problems: [...problems, ...(await together(resources)).map(locate)],
    subject: paths.map((path) => (path === "-" ? STDIN : path)).join(", "),
  };
}

async function analyzeLive(command: Command): Promise<Analysis> {
  const control = await connect(command);
  const { items, epoch } = await control.get<ResourcesResponse>("/resources");
  return { problems: await together(items), subject: `epoch ${epoch} at ${control.url}` };
}

/** What is wrong with resources that can be read. */
async function together(resources: readonly Resource[]): Promise<Problem[]> {
  const [{ compile }, { analyze }] = await Promise.all([
    import("../../mesh/compile/compile.ts"),
    import("../../mesh/analyze/analyze.ts"),
  ]);
  const compiled = compile(resources);
  return [...compiled.problems, ...analyze(compiled)];
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
function logLine(problem: Problem): string {
  const { severity, code, resource, path, at } = problem;
  const { red, yellow } = paint(process.stdout);
  const level = severity === "error" ? red("Error") : yellow("Warning");
  const origin = [resource, at && `${at.file}:${at.line}:${at.col}`].filter(Boolean).join(" ");
  const text = `${origin ? `(${origin}) ` : ""}${path === undefined ? "" : `${path}: `}${messageOf(problem)}`;
  return `${level} [${code}] ${printable(text)}\n`;
}

/** A workflow command, which GitHub shows beside the line of the pull request. */
function githubLine(problem: Problem): string {
  const { severity, code, resource, path, at } = problem;
  const place = at ? [`file=${property(at.file)}`, `line=${at.line}`, `col=${at.col}`] : [];
  const text = `${[resource, path].filter(Boolean).join(" ")}: ${messageOf(problem)}`;
  return `::${severity} ${[...place, `title=${property(code)}`].join(",")}::${data(text)}\n`;
}

const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

/** istioctl's row, with our casing. */
const item = ({ severity, code, resource, path, at, message, fix, witness }: Problem) => ({
  code,
  level: severity,
  origin: resource ?? null,
  path: path ?? null,
  reference: at ? `${at.file}:${at.line}:${at.col}` : null,
  message,
  fix: fix ?? null,
  witness: witness ?? null,
});
