import { Option, type Command } from "commander";
import { askedFor, type AskedOptions, requestArguments } from "../asked.ts";
import { connect } from "../client.ts";
import { compiledFiles, compiledInForce } from "../compiled.ts";
import { explanationRecord, explanationText } from "../explanation.ts";
import { filenameOption } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { print } from "../terminal.ts";

type Options = AskedOptions & {
  readonly filename?: readonly string[];
  readonly from: string;
  readonly all?: true;
  readonly output: "text" | "json" | "yaml";
};

/** Of those passed over, how many a person reads. */
const NEAREST = 10;

export function explainCommand(program: Command): void {
  const command = requestArguments(program.command("explain"))
    .description("which rule takes a request, why the nearer ones do not, and what goes upstream; nothing is sent")
    .addOption(filenameOption("what these resources would do, without a control plane; repeatable"))
    .addOption(
      new Option("--from <namespace>", "the caller's namespace, whose own routes may apply").default("", "none"),
    )
    .addOption(new Option("--all", `every rule that does not take it, not only the ${NEAREST} nearest`))
    .addOption(outputOption(["text", "json", "yaml"]))
    .action(async (method: string, url: URL, options: Options) => {
      const { compiled, epoch } = options.filename
        ? { compiled: await compiledFiles(options.filename), epoch: null }
        : await compiledInForce(await connect(command));
      const { explain } = await import("../../mesh/explain/explain.ts");
      const asked = askedFor(method, url, options, options.from);
      const explanation = explain(compiled, asked, options.all ? Infinity : NEAREST);
      const record = explanationRecord(asked, explanation, epoch);
      if (options.output === "json") return printJson("Explanation", record);
      if (options.output === "yaml") return printYaml("Explanation", record);
      return print(explanationText(record));
    });
}
