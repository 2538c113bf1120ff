import type { Command } from "commander";
import type { ResourcesResponse } from "../../mesh/api.ts";
import { canonicalJson } from "../../mesh/canonical.ts";
import { compareText } from "../../mesh/problem.ts";
import type { Kind } from "../../mesh/resources/kind.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { connect, type Control } from "../client.ts";
import { age } from "../duration.ts";
import { Failure, usage } from "../failure.ts";
import { namespaceOption } from "../options.ts";
import { outputOption, printJson } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";

type Options = {
  readonly namespace: string;
  readonly allNamespaces?: true;
  readonly output: "table" | "wide" | "yaml" | "json" | "name";
};

/** One block of output: kubectl shows each kind in a table of its own. */
type Group = { readonly kind: Kind; readonly items: readonly Resource[] };

export function getCommand(program: Command): void {
  const command = program
    .command("get")
    .description("the resources in force")
    .argument("<kind>", "a kind, several with commas, all, or KIND/NAME")
    .argument("[names...]", "only these")
    .addOption(namespaceOption())
    .option("-A, --all-namespaces", "in every namespace")
    .addOption(outputOption(["table", "wide", "yaml", "json", "name"]))
    .action(async (word: string, names: readonly string[], options: Options) => {
      const control = await connect(command);
      const everywhere = options.allNamespaces === true;
      if (everywhere && (names.length > 0 || word.includes("/")))
        throw usage("a name is looked up in one namespace: use -n, not -A");
      const namespace = everywhere ? undefined : options.namespace;
      const asked = word === "all" ? await all(control, names, namespace) : await some(control, word, names, namespace);
      const found = asked.filter(({ items }) => items.length > 0);
      if (found.length === 0 && options.output !== "json") {
        const within =
          namespace !== undefined && asked.some(({ kind }) => kind.namespaced) ? ` in ${namespace} namespace` : "";
        return say(`No resources found${within}.`);
      }
      const single = names.length === (word.includes("/") ? 0 : 1);
      return show(found, options, { single, prefixed: asked.length > 1 });
    });
}

async function all(control: Control, names: readonly string[], namespace: string | undefined): Promise<Group[]> {
  if (names.length > 0) throw usage("get all takes no names");
  const { KINDS } = await import("../../mesh/resources/kinds.ts");
  const { items } = await control.get<ResourcesResponse>(`/resources?${query({ namespace })}`);
  return group(KINDS, namespace === undefined ? items : items.filter((item) => item.metadata.namespace === namespace));
}

async function some(
  control: Control,
  word: string,
  names: readonly string[],
  namespace: string | undefined,
): Promise<Group[]> {
  const { kindCalled, parseTargets, typeName } = await import("../kinds.ts");
  const targets =
    word.includes(",") && names.length === 0
      ? word.split(",").map((each) => ({ kind: kindCalled(each), names }))
      : parseTargets([word, ...names]);
  const asked: { readonly kind: Kind; readonly name: string | undefined }[] = targets.flatMap(
    ({ kind, names: wanted }) => (wanted.length > 0 ? wanted : [undefined]).map((name) => ({ kind, name })),
  );
  const answers = await Promise.all(
    asked.map(async ({ kind, name }) => {
      const { items } = await control.get<ResourcesResponse>(
        `/resources?${query({ kind: kind.kind, namespace: kind.namespaced ? namespace : undefined, name })}`,
      );
      return { kind, name, items };
    }),
  );
  const missing = answers.filter(({ name, items }) => name !== undefined && items.length === 0);
  if (missing.length > 0)
    throw new Failure(
      missing.map(({ kind, name }) => `${typeName({ ...kind, singular: kind.plural })} "${name}" not found`).join("; "),
    );
  return group(
    [...new Set(answers.map(({ kind }) => kind))],
    answers.flatMap(({ items }) => items),
  );
}

function group(kinds: readonly Kind[], items: readonly Resource[]): Group[] {
  const order = ({ metadata: { namespace = "", name } }: Resource) => `${namespace}/${name}`;
  return kinds.map((kind) => ({
    kind,
    items: items.filter((item) => item.kind === kind.kind).toSorted((a, b) => compareText(order(a), order(b))),
  }));
}

async function show(
  groups: readonly Group[],
  options: Options,
  { single, prefixed }: { readonly single: boolean; readonly prefixed: boolean },
): Promise<void> {
  const items = groups.flatMap((each) => each.items);
  switch (options.output) {
    case "json":
      // A List is what apply takes back, and what jq scripts written for kubectl expect.
      return single
        ? print(JSON.stringify(inOrder(items[0]), null, 2))
        : printJson("List", { items: items.map(inOrder) });
    case "yaml":
      return print((await import("../../mesh/resources/to-yaml.ts")).resourcesYaml(items));
    case "name": {
      const { objectName } = await import("../kinds.ts");
      return print(items.map((item) => `${objectName({ kind: item.kind, name: item.metadata.name })}\n`).join(""));
    }
    case "table":
    case "wide": {
      const tables = await Promise.all(groups.map((each) => tableOf(each, options, prefixed)));
      return print(tables.join("\n"));
    }
  }
}

async function tableOf({ kind, items }: Group, options: Options, prefixed: boolean): Promise<string> {
  const [{ columnsOf }, { specOf }, { objectName }] = await Promise.all([
    import("../columns.ts"),
    import("../fields.ts"),
    import("../kinds.ts"),
  ]);
  const now = Date.now();
  const columns: Column<Resource>[] = [
    ...(options.allNamespaces && kind.namespaced
      ? [{ header: "NAMESPACE", cell: (item: Resource) => item.metadata.namespace ?? "" }]
      : []),
    {
      header: "NAME",
      cell: ({ kind: itemKind, metadata: { name } }) => (prefixed ? objectName({ kind: itemKind, name }) : name),
    },
    ...columnsOf(kind.kind, options.output === "wide").map(({ header, cell }) => ({
      header,
      cell: (item: Resource) => cell(specOf(item), item),
    })),
    { header: "AGE", cell: ({ metadata: { creationTimestamp } }) => age(now - Date.parse(creationTimestamp ?? "")) },
  ];
  return table(columns, items);
}

/** apiVersion, kind, metadata, spec: alphabetical is the order that people expect. */
const inOrder = (resource: Resource | undefined): unknown => JSON.parse(canonicalJson(resource ?? null));

const query = (fields: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(fields)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`]))
    .join("&");
