/**
 * The command line: one file a command under commands/. What a command needs is loaded when it runs, so that the
 * ones that only ask control start without schemas and YAML.
 */
import { Command, CommanderError, Option } from "commander";
import { analyzeCommand } from "./commands/analyze.ts";
import { applyCommand } from "./commands/apply.ts";
import { auditCommand } from "./commands/audit.ts";
import { authzCommand } from "./commands/authz.ts";
import { breakersCommand } from "./commands/breakers.ts";
import { bypassCommand } from "./commands/bypass.ts";
import { mirrorsCommand } from "./commands/mirrors.ts";
import { checkCommand } from "./commands/check.ts";
import { completionCommand } from "./commands/completion.ts";
import { contextCommand } from "./commands/context.ts";
import { dashboardCommand } from "./commands/dashboard.ts";
import { deleteCommand } from "./commands/delete.ts";
import { describeCommand } from "./commands/describe.ts";
import { diffCommand } from "./commands/diff.ts";
import { edgesCommand } from "./commands/edges.ts";
import { explainCommand } from "./commands/explain.ts";
import { getCommand } from "./commands/get.ts";
import { historyCommand } from "./commands/history.ts";
import { identityCommand } from "./commands/identity.ts";
import { keysCommand } from "./commands/keys.ts";
import { limitsCommand } from "./commands/limits.ts";
import { nodeCommand } from "./commands/node.ts";
import { proxyStatusCommand } from "./commands/proxy-status.ts";
import { rollbackCommand } from "./commands/rollback.ts";
import { routesCommand } from "./commands/routes.ts";
import { statCommand } from "./commands/stat.ts";
import { tokenCommand } from "./commands/token.ts";
import { topCommand } from "./commands/top.ts";
import { versionCommand } from "./commands/version.ts";
import { parseDuration } from "./duration.ts";
import { EXIT, Failure } from "./failure.ts";
import { paint, say } from "./terminal.ts";

const program = new Command("selvedge")
  .description("Routes, policies and their state across the mesh.")
  .option("--control <url>", "control plane to speak to, with the token in SELVEDGE_TOKEN")
  .option("--context <name>", "stored control plane to speak to (selvedge context list)")
  .option("--insecure", "send the token over plain http to another machine")
  .option("--no-color", "no colour, as NO_COLOR=1")
  .addOption(
    new Option("--request-timeout <duration>", "how long one call to control may take").argParser(parseDuration),
  )
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError("Run with --help for usage.");

for (const add of [
  applyCommand,
  diffCommand,
  getCommand,
  describeCommand,
  deleteCommand,
  analyzeCommand,
  explainCommand,
  authzCommand,
  historyCommand,
  auditCommand,
  rollbackCommand,
  proxyStatusCommand,
  routesCommand,
  statCommand,
  edgesCommand,
  topCommand,
  breakersCommand,
  bypassCommand,
  mirrorsCommand,
  limitsCommand,
  identityCommand,
  tokenCommand,
  keysCommand,
  checkCommand,
  dashboardCommand,
  nodeCommand,
  contextCommand,
  completionCommand,
  versionCommand,
])
  add(program);

// `selvedge get … | head` closes the pipe early, which is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.ok);
});

try {
  await program.parseAsync();
} catch (error) {
  // The code is set, not exited with: what stdout still holds must reach the pipe.
  process.exitCode = report(error);
}

function report(error: unknown): number {
  // Commander has written its message; asking for help or the version is the one "error" that is none.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!(error instanceof Failure)) throw error;
  for (const line of error.details) say(line);
  say(`${paint(process.stderr).red("error:")} ${error.message}`);
  return error.exitCode;
}
