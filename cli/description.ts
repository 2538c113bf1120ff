/** One resource told to a person: what it is, what became of it, and what belongs to it. After kubectl describe. */
import { isRecord } from "../mesh/canonical.ts";
import { messageOf, type Problem } from "../mesh/problem.ts";
import { type Resource, titleOf } from "../mesh/resources/resource.ts";
import { age } from "./duration.ts";
import { conditionIn, type Fields, list, specOf, statusOf, text, verdictsOf } from "./fields.ts";
import { table } from "./table.ts";
import { count, printable } from "./terminal.ts";
import { toYaml } from "../mesh/resources/to-yaml.ts";

type Lines = readonly string[];

/** `all` are the resources in force; `problems` is what compiling them found; `now` in milliseconds since 1970. */
export function describe(
  resource: Resource,
  all: readonly Resource[],
  problems: readonly Problem[],
  now: number,
): string {
  const { kind, metadata, apiVersion } = resource;
  const own = problems.filter((problem) => problem.resource === titleOf(resource));
  const lines = [
    field("Name", metadata.name),
    ...(metadata.namespace === undefined ? [] : [field("Namespace", metadata.namespace)]),
    ...pairs("Labels", metadata.labels),
    ...pairs("Annotations", metadata.annotations),
    field("API Version", apiVersion),
    field("Kind", kind),
    ...(metadata.creationTimestamp === undefined
      ? []
      : [field("Age", age(now - Date.parse(metadata.creationTimestamp)))]),
    ...(metadata.generation === undefined ? [] : [field("Generation", String(metadata.generation))]),
    ...section("Spec", yaml(specOf(resource))),
    ...statusLines(resource),
    ...section("Routes", routes(resource, all)),
    ...section("Used By", users(resource, all)),
    ...section("Policies", policies(resource, all)),
    own.length > 0 ? "Warnings:" : field("Warnings", "none"),
    ...indented(own.map(warning)),
  ];
  return `${lines.join("\n")}\n`;
}

const WIDTH = "Annotations:  ".length;

const field = (name: string, value: string): string => `${`${name}:`.padEnd(WIDTH)}${printable(value)}`;

/** One a line beneath the first, as kubectl aligns them. */
function pairs(name: string, values: Readonly<Record<string, string>> | undefined): Lines {
  const entries = Object.entries(values ?? {});
  if (entries.length === 0) return [field(name, "<none>")];
  return entries.map(([key, value], index) =>
    index === 0 ? field(name, `${key}=${value}`) : `${" ".repeat(WIDTH)}${printable(`${key}=${value}`)}`,
  );
}

const indented = (lines: Lines): Lines => lines.map((line) => `  ${line}`);

const section = (name: string, lines: Lines): Lines => (lines.length > 0 ? [`${name}:`, ...indented(lines)] : []);

const yaml = (spec: Fields): Lines =>
  Object.keys(spec).length > 0 ? toYaml(spec).trimEnd().split("\n").map(printable) : [];

function statusLines(resource: Resource): Lines {
  const status = statusOf(resource);
  const addresses = list(status["addresses"]).map((each) => text(each["value"]));
  const name = resource.kind.endsWith("Policy") ? "Targets" : "Parents";
  return [
    ...(addresses.length > 0 ? [field("Addresses", addresses.join(", "))] : []),
    ...endpoints(status),
    ...hostHeader(status),
    ...section("Conditions", conditions(list(status["conditions"]))),
    ...section("Listeners", list(status["listeners"]).flatMap(listener)),
    ...section(
      name,
      verdictsOf(resource).flatMap((verdict) => [refTitle(verdict.ref), ...indented(conditions(verdict.conditions))]),
    ),
  ];
}

function endpoints(status: Fields): Lines {
  if (typeof status["endpoints"] === "number") return [field("Endpoints", String(status["endpoints"]))];
  const ports = list(status["ports"]).map((each) => `${text(each["endpoints"])} at port ${text(each["port"])}`);
  return ports.length > 0 ? [field("Endpoints", ports.join(", "))] : [];
}

function hostHeader(status: Fields): Lines {
  const header = status["hostHeader"];
  return isRecord(header) ? [field("Host Header", `${text(header["seen"])} (${text(header["message"])})`)] : [];
}

function listener(one: Fields): Lines {
  const kinds = list(one["supportedKinds"]).map((each) => text(each["kind"]));
  const takes = kinds.length > 0 ? `takes ${kinds.join(", ")}` : "takes no routes";
  return [
    printable(`${text(one["name"])}: ${count(Number(one["attachedRoutes"] ?? 0), "route")} attached, ${takes}`),
    ...indented(conditions(list(one["conditions"]))),
  ];
}

function conditions(all: readonly Fields[]): Lines {
  if (all.length === 0) return [];
  const columns = ["type", "status", "reason", "message"].map((key) => ({
    header: key.toUpperCase(),
    cell: (one: Fields) => text(one[key]),
  }));
  return table(columns, all).trimEnd().split("\n");
}

type Ref = { readonly kind: string; readonly namespace: string; readonly name: string };

/** The resource a reference in `home` means. Routes, parents and backends each have a kind of their own by default. */
const refOf = (ref: Fields, home: string | undefined, kind: string): Ref => ({
  kind: text(ref["kind"]) || kind,
  namespace: text(ref["namespace"]) || (home ?? ""),
  name: text(ref["name"]),
});

const isSame = (a: Ref, b: Ref): boolean => a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;

const self = ({ kind, metadata }: Resource): Ref => ({
  kind,
  namespace: metadata.namespace ?? "",
  name: metadata.name,
});

function refTitle(ref: Fields): string {
  const { kind, namespace, name } = refOf(ref, undefined, "Gateway");
  const parts = [
    ...(ref["sectionName"] === undefined ? [] : [`section ${text(ref["sectionName"])}`]),
    ...(ref["port"] === undefined ? [] : [`port ${text(ref["port"])}`]),
  ];
  return printable(`${kind} ${namespace}/${name}${parts.length > 0 ? ` (${parts.join(", ")})` : ""}`);
}

/** Whether a route or policy holds at what it refers to: yes, or the reason why not. */
function outcome(all: readonly Fields[]): string {
  if (conditionIn(all, "Accepted") === "True") return "accepted";
  const refusal = all.find((one) => one["type"] === "Accepted");
  return printable(`${text(refusal?.["reason"]) || "Unknown"}: ${text(refusal?.["message"])}`);
}

/** Those that ask to attach to this resource. */
const routes = (resource: Resource, all: readonly Resource[]): Lines =>
  all
    .filter(({ kind }) => kind.endsWith("Route"))
    .flatMap((route) =>
      verdictsOf(route)
        .filter(({ ref }) => isSame(refOf(ref, route.metadata.namespace, "Gateway"), self(resource)))
        .map((verdict) => `${titleOf(route)}: ${outcome(verdict.conditions)}`),
    );

const backendsOf = (route: Resource): readonly Ref[] =>
  list(specOf(route)["rules"])
    .flatMap((rule) => list(rule["backendRefs"]))
    .map((ref) => refOf(ref, route.metadata.namespace, "Service"));

/** Routes that send traffic to this resource. */
const users = (resource: Resource, all: readonly Resource[]): Lines =>
  all
    .filter((route) => route.kind === "HTTPRoute" && backendsOf(route).some((ref) => isSame(ref, self(resource))))
    .map(titleOf);

/** Policies that ask to hold for this resource; of a route, also those on the way to it and behind it. */
function policies(resource: Resource, all: readonly Resource[]): Lines {
  const way =
    resource.kind === "HTTPRoute"
      ? [
          ...verdictsOf(resource)
            .filter((verdict) => conditionIn(verdict.conditions, "Accepted") === "True")
            .map(({ ref }) => refOf(ref, resource.metadata.namespace, "Gateway")),
          self(resource),
          ...backendsOf(resource),
        ]
      : [self(resource)];
  return all
    .filter(({ kind }) => kind.endsWith("Policy"))
    .flatMap((policy) =>
      verdictsOf(policy)
        .filter(({ ref }) => way.some((one) => isSame(refOf(ref, policy.metadata.namespace, ""), one)))
        .map(({ ref, conditions: said }) => `${titleOf(policy)} at ${refTitle(ref)}: ${outcome(said)}`),
    );
}

const warning = (problem: Problem): string =>
  printable(`[${problem.code}] ${problem.path ? `${problem.path}: ` : ""}${messageOf(problem)}`);
