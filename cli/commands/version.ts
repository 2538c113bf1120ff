import type { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { outputOption, printJson } from "../output.ts";
import { print } from "../terminal.ts";

export function versionCommand(program: Command): void {
  program
    .version(`selvedge ${packageJson.version}`, "-V, --version", "print the version")
    .command("version")
    .description("print the version")
    .addOption(outputOption(["table", "json"]))
    .action(({ output }: { readonly output: "table" | "json" }) => {
      if (output === "json") printJson("Version", { version: packageJson.version, node: process.versions.node });
      else print(`selvedge ${packageJson.version} (node ${process.versions.node})`);
    });
}
