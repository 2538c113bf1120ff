import type { Command } from "commander";
import type { ResourcesResponse } from "../../mesh/api.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { connect } from "../client.ts";
import { Failure } from "../failure.ts";
import { namespaceOption } from "../options.ts";
import { print, say } from "../terminal.ts";

export function describeCommand(program: Command): void {
  const command = program
    .command("describe")
    .description("what became of a resource: conditions, routes, policies, warnings")
    .argument("<kind>", "a kind, or KIND/NAME")
    .argument("[names...]", "which of them; without: all of the namespace")
    .addOption(namespaceOption())
    .action(async (word: string, names: readonly string[], { namespace }: { readonly namespace: string }) => {
      const control = await connect(command);
      const [{ parseTargets, typeName }, { describe }, { compile }] = await Promise.all([
        import("../kinds.ts"),
        import("../description.ts"),
        import("../../mesh/compile/compile.ts"),
      ]);
      const targets = parseTargets([word, ...names]);
      // What belongs to a resource may lie in any namespace. A class may be built in, and is listed only when asked for.
      const classes = targets.some(({ kind }) => kind.kind === "GatewayClass");
      const [{ items }, built] = await Promise.all([
        control.get<ResourcesResponse>("/resources"),
        classes ? control.get<ResourcesResponse>("/resources?kind=GatewayClass") : undefined,
      ]);
      const known = [...items.filter(({ kind }) => !classes || kind !== "GatewayClass"), ...(built?.items ?? [])];
      const found = targets.flatMap(({ kind, names: wanted }): readonly Resource[] => {
        const all = known.filter(
          (item) => item.kind === kind.kind && (!kind.namespaced || item.metadata.namespace === namespace),
        );
        const missing = wanted.find((name) => !all.some(({ metadata }) => metadata.name === name));
        if (missing !== undefined)
          throw new Failure(`${typeName({ ...kind, singular: kind.plural })} "${missing}" not found`);
        return wanted.length === 0 ? all : all.filter(({ metadata }) => wanted.includes(metadata.name));
      });
      if (found.length === 0) {
        const within = targets.some(({ kind }) => kind.namespaced) ? ` in ${namespace} namespace` : "";
        return say(`No resources found${within}.`);
      }
      const { problems } = compile(items);
      const now = Date.now();
      return print(found.map((item) => describe(item, items, problems, now)).join("\n\n"));
    });
}
