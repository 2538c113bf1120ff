import { InvalidArgumentError, Option, type Command } from "commander";
import type { DebugResponse } from "../../mesh/api.ts";
import { askedFor, type AskedOptions, requestArguments } from "../asked.ts";
import { connect } from "../client.ts";
import { compiledFiles, compiledInForce } from "../compiled.ts";
import { explanationRecord, explanationText } from "../explanation.ts";
import { usage } from "../failure.ts";
import { explainedByEdge, liveText } from "../live.ts";
import { filenameOption } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { print } from "../terminal.ts";

type Options = AskedOptions & {
  readonly filename?: readonly string[];
  readonly from: string;
  readonly all?: true;
  readonly live?: true;
  readonly edge?: URL;
  readonly output: "text" | "json" | "yaml";
};

/** Of those passed over, how many a person reads. */
const NEAREST = 10;

export function explainCommand(program: Command): void {
  const command = requestArguments(program.command("explain"))
    .description(
      "which rule takes a request, why the nearer ones do not, and what goes upstream; nothing is sent, but with --live",
    )
    .addOption(filenameOption("what these resources would do, without a control plane; repeatable"))
    .addOption(
      new Option("--from <namespace>", "the caller's namespace, whose own routes may apply").default("", "none"),
    )
    .addOption(new Option("--all", `every rule that does not take it, not only the ${NEAREST} nearest`))
    .addOption(new Option("--live", "send it to a running edge, which says what it decided and why"))
    .addOption(
      new Option("--edge <url>", "with --live: where the edge is, if not at the URL's host").argParser(parseEdge),
    )
    .addOption(outputOption(["text", "json", "yaml"]))
    .action(async (method: string, url: URL, options: Options) => {
      if (options.live) return live(command, method, url, options);
      if (options.edge) throw usage("--edge says where the request is sent, and without --live none is");
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

async function live(command: Command, method: string, url: URL, options: Options): Promise<void> {
  const { filename, header: headers = new Headers(), edge, output } = options;
  if (filename) throw usage("an edge runs what is in force, not files: leave out --live or -f");
  const control = await connect(command);
  const { token } = await control.post<DebugResponse>("/debug", {});
  const explanation = await explainedByEdge({ method, url, edge, headers, token });
  if (output === "json") return printJson("LiveExplanation", explanation);
  if (output === "yaml") return printYaml("LiveExplanation", explanation);
  return print(liveText({ method, url }, explanation));
}

function parseEdge(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError("It is no http:// or https:// URL.");
  return url;
}
