import { setTimeout as sleep } from "node:timers/promises";
import { Option, type Command } from "commander";
import type { Check, CheckResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { parseDuration } from "../duration.ts";
import { EXIT, Failure } from "../failure.ts";
import { outputOption, printJson } from "../output.ts";
import { paint, print, printable } from "../terminal.ts";

type Options = { readonly output: "table" | "json" | "short"; readonly wait?: true; readonly timeout: number };

/** Milliseconds between two rounds of `--wait`. */
const PAUSE = 1000;

export function checkCommand(program: Command): void {
  const command = program
    .command("check")
    .description("whether control, its stores and the edges are well; exits 1 on an error, 0 on warnings")
    .option("--wait", "try again until every check succeeds")
    .addOption(
      new Option("--timeout <duration>", "how long --wait tries").argParser(parseDuration).default(30_000, "30s"),
    )
    .addOption(outputOption(["table", "json", "short"]))
    .action(async ({ output, wait, timeout }: Options) => {
      const deadline = performance.now() + (wait ? timeout : 0);
      let checks = await runChecks(command);
      while (failed(checks) && performance.now() < deadline) {
        await sleep(Math.min(PAUSE, Math.max(0, deadline - performance.now())));
        checks = await runChecks(command);
      }
      if (output === "json") printJson("CheckResult", asJson(checks));
      else
        print(
          asText(output === "short" ? checks.filter(({ result }) => result !== "success") : checks, !failed(checks)),
        );
      if (failed(checks)) process.exitCode = EXIT.failed;
    });
}

const failed = (checks: readonly Check[]): boolean => checks.some(({ result }) => result === "error");

/** That control answers is itself the first check; all others are control's to make. */
async function runChecks(command: Command): Promise<readonly Check[]> {
  const reaching = { category: "control", description: "control answers and accepts the token" } as const;
  try {
    const control = await connect(command);
    const { checks } = await control.get<CheckResponse>("/check");
    return [{ ...reaching, result: "success" }, ...checks];
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode === EXIT.usage) throw error;
    return [{ ...reaching, result: "error", error: error.message }];
  }
}

const categories = (checks: readonly Check[]): readonly (readonly [string, readonly Check[]])[] => [
  ...Map.groupBy(checks, ({ category }) => category),
];

const asJson = (checks: readonly Check[]): object => ({
  success: !failed(checks),
  categories: categories(checks).map(([categoryName, members]) => ({
    categoryName,
    checks: members.map(({ category: _category, ...check }) => check),
  })),
});

/** linkerd check's look, which its users read at a glance. */
function asText(checks: readonly Check[], success: boolean): string {
  const { green, red, yellow } = paint(process.stdout);
  const mark = { success: green("√"), warning: yellow("‼"), error: red("×") };
  const blocks = categories(checks).map(([category, members]) => {
    const lines = members.flatMap(({ result, description, error, hint }) => [
      `${mark[result]} ${printable(description)}`,
      ...(error === undefined ? [] : [`    ${printable(error)}`]),
      ...(hint === undefined
        ? []
        : [/^https?:/.test(hint) ? `    see ${printable(hint)} for hints` : `    hint: ${printable(hint)}`]),
    ]);
    return [printable(category), "-".repeat(category.length), ...lines, ""].join("\n");
  });
  return [...blocks, `Status check results are ${success ? mark.success : mark.error}`].join("\n");
}
