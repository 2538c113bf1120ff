/** `-o`: the same words in every command. */
import { Option } from "commander";
import { print } from "./terminal.ts";

const API_VERSION = "cli.selvedge.dev/v1";

export const outputOption = <const Format extends string>(formats: readonly [Format, ...Format[]]): Option =>
  new Option("-o, --output <format>", "how to print").choices(formats).default(formats[0]);

/** For scripts: camelCase, times in milliseconds, `apiVersion` so that a later shape can be told apart. */
export function printJson(kind: string, body: object): void {
  print(JSON.stringify({ apiVersion: API_VERSION, kind, ...body }, null, 2));
}

export async function printYaml(kind: string, body: object): Promise<void> {
  const { toYaml } = await import("../mesh/resources/to-yaml.ts");
  print(toYaml({ apiVersion: API_VERSION, kind, ...body }));
}
