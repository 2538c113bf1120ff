/**
 * YAML text -> resources, or every reason why not. Reading never stops at the first problem: a file of ten mistakes
 * is mended in one round. Problems carry file, line, column and path.
 */
import type { SourceFile } from "../api.ts";
import { isRecord } from "../canonical.ts";
import { byPlace, type Problem } from "../problem.ts";
import { KEPT_METADATA } from "./kind.ts";
import { findKind, FOREIGN_KINDS, KINDS } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { keyOf, type Resource, titleOf } from "./resource.ts";
import { quote, validate } from "./validate.ts";
import { type Locate, parseYaml, type Path } from "./yaml.ts";

type Reading = {
  readonly resources: Resource[];
  readonly problems: Problem[];
  readonly seen: Map<string, string>;
  /** Of each resource, by its title. */
  readonly places: Map<string, Locate>;
};

/** A stored body must fit a row of the Config object (2 MB); the rest is room for the row's other columns. */
const MAX_RESOURCE_BYTES = 1_900_000;

export type Read = {
  readonly resources: Resource[];
  readonly problems: Problem[];
  /** Gives a problem that was found later, in compile, its place in the files; one about other resources stays as it is. */
  readonly locate: (problem: Problem) => Problem;
};

export function readFiles(files: readonly SourceFile[]): Read {
  const reading: Reading = { resources: [], problems: [], seen: new Map(), places: new Map() };
  for (const file of files) readFile(file, reading);
  return {
    resources: reading.resources,
    problems: reading.problems.sort(byPlace),
    locate: (problem) => {
      const place = problem.at ? undefined : reading.places.get(problem.resource ?? "");
      return place ? { ...problem, at: place(parsePath(problem.path ?? "metadata")) } : problem;
    },
  };
}

function readFile(file: SourceFile, reading: Reading): void {
  for (const document of parseYaml(file)) {
    if ("problems" in document) for (const found of document.problems) reading.problems.push(found);
    // An empty document between two `---` is how people separate files.
    else if (document.value !== null && document.value !== undefined)
      readValue(document.value, [], document.locate, reading);
  }
}

function readValue(value: unknown, path: Path, locate: Locate, reading: Reading): void {
  if (!isRecord(value)) {
    const fix = "a resource is a map with apiVersion, kind, metadata and spec";
    reading.problems.push({
      ...problem("not-a-resource", locate(path), `expected a resource, found ${typeName(value)}`),
      fix,
    });
    return;
  }
  // What `kubectl get -o yaml` prints of several resources.
  if (value.kind === "List") readList(value, path, locate, reading);
  else readResource(value, path, locate, reading);
}

const LIST_KEYS = ["apiVersion", "kind", "metadata", "items"];

function readList(list: Record<string, unknown>, path: Path, locate: Locate, reading: Reading): void {
  for (const key of Object.keys(list).filter((given) => !LIST_KEYS.includes(given))) {
    const guess = nearest(key, LIST_KEYS);
    reading.problems.push({
      ...problem("unknown-key", locate([...path, key]), `unknown key ${quote(key)}`),
      path: showPath([...path, key]),
      fix: guess === undefined ? `one of ${LIST_KEYS.join(", ")}` : `did you mean ${guess}?`,
    });
  }
  if (Array.isArray(list.items))
    list.items.forEach((item: unknown, index) => readValue(item, [...path, "items", index], locate, reading));
  else {
    const message = list.items === undefined ? "is required" : `must be a list, found ${typeName(list.items)}`;
    const items = [...path, "items"];
    reading.problems.push({ ...problem("invalid-value", locate(items), message), path: showPath(items) });
  }
}

function readResource(value: Record<string, unknown>, path: Path, locate: Locate, reading: Reading): void {
  const { problems } = reading;
  const { kind: kindName, apiVersion } = value;
  for (const [key, given] of [
    ["apiVersion", apiVersion],
    ["kind", kindName],
  ] as const) {
    if (typeof given === "string" && given !== "") continue;
    const message = given === undefined ? `${key} is missing` : `${key} must be text, found ${typeName(given)}`;
    problems.push({
      ...problem(given === undefined ? "not-a-resource" : "invalid-value", locate([...path, key]), message),
      path: key,
    });
  }
  if (typeof kindName !== "string" || typeof apiVersion !== "string" || !kindName || !apiVersion) return;

  const kind = KINDS.find((known) => known.kind === kindName);
  if (!kind) {
    problems.push(unknownKind(kindName, apiVersion, locate([...path, "kind"])));
    return;
  }
  const versions = kind.versions.map((version) => (kind.group ? `${kind.group}/${version}` : version));
  if (!versions.includes(apiVersion)) {
    const at = locate([...path, "apiVersion"]);
    const message = `${kindName} is not served at ${quote(apiVersion)}`;
    problems.push({
      ...problem("unknown-version", at, message),
      path: "apiVersion",
      fix: `write ${versions.join(" or ")}`,
    });
    return;
  }

  const found = validate(kind, value);
  const resource = keep(value, kind.namespaced);
  const { name: ownName, namespace } = resource.metadata as Record<string, unknown>;
  const named = typeof ownName === "string" && (namespace === undefined || typeof namespace === "string");
  const name = named ? titleOf(resource) : kindName;
  for (const { path: inner, ...rest } of found)
    problems.push({
      severity: "error",
      resource: name,
      path: showPath(inner),
      at: locate([...path, ...inner]),
      ...rest,
    });
  if (!kind.namespaced && resource.metadata.namespace !== undefined) {
    const at = locate([...path, "metadata", "namespace"]);
    problems.push({
      ...problem("invalid-value", at, `${kindName} has no namespace`),
      resource: name,
      path: "metadata.namespace",
      fix: "leave it out",
    });
    return;
  }
  if (found.length > 0) return;

  const at = locate([...path, "metadata"]);
  if (utf8Length(JSON.stringify(resource)) > MAX_RESOURCE_BYTES) {
    const message = `is larger than ${MAX_RESOURCE_BYTES} bytes`;
    problems.push({ ...problem("too-large", at, message), resource: name, fix: "split it into several resources" });
    return;
  }
  const first = reading.seen.get(keyOf(resource));
  if (first !== undefined) {
    problems.push({
      ...problem("duplicate-resource", at, `stands twice; first at ${first}`),
      resource: name,
      fix: "keep one of them",
    });
    return;
  }
  reading.seen.set(keyOf(resource), `${at.file}:${at.line}:${at.col}`);
  reading.places.set(titleOf(resource), (inner) => locate([...path, ...inner]));
  reading.resources.push(resource);
}

/** Without what a server owns (status, uid, resourceVersion, …), and with the namespace that kubectl would mean. */
function keep(value: Record<string, unknown>, namespaced: boolean): Resource {
  const { status: _status, metadata, ...rest } = value;
  const given = isRecord(metadata) ? metadata : {};
  const kept = Object.fromEntries(KEPT_METADATA.flatMap((key) => (given[key] == null ? [] : [[key, given[key]]])));
  return { ...rest, metadata: { ...(namespaced ? { namespace: "default" } : {}), ...kept } } as Resource;
}

function unknownKind(kind: string, apiVersion: string, at: NonNullable<Problem["at"]>): Problem {
  const reason = FOREIGN_KINDS[kind];
  if (reason !== undefined && Object.hasOwn(FOREIGN_KINDS, kind))
    return { ...problem("not-carried", at, `${kind} is passed over: ${reason}`), severity: "warning" };
  const group = apiVersion.split("/")[0]!;
  const ours = KINDS.some((known) => known.group === group && group !== "");
  const guess =
    findKind(kind)?.kind ??
    nearest(
      kind,
      KINDS.map((known) => known.kind),
    );
  const fix = guess === undefined ? `one of ${KINDS.map((known) => known.kind).join(", ")}` : `did you mean ${guess}?`;
  if (ours || guess !== undefined || !apiVersion.includes("/"))
    return { ...problem("unknown-kind", at, `no kind ${quote(kind)}`), path: "kind", fix };
  return {
    ...problem(
      "not-carried",
      at,
      `${quote(kind)} of ${quote(apiVersion)} is passed over: it is not a kind of the mesh`,
    ),
    severity: "warning",
  };
}

const problem = (code: Problem["code"], at: NonNullable<Problem["at"]>, message: string): Problem => ({
  severity: "error",
  code,
  at,
  message,
});

const typeName = (value: unknown): string =>
  value === null ? "nothing" : Array.isArray(value) ? "a list" : isRecord(value) ? "a map" : quote(value);

/** The bytes that a store counts. mesh/ has no `TextEncoder`: it is a runtime's, not the language's. */
function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!; // a char of a string has one
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function showPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const key = String(part);
    if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** What `showPath` showed. */
const parsePath = (text: string): Path =>
  [...text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|[^.[\]]+/g)].map(([part, index, quoted]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? part : (JSON.parse(quoted) as string);
  });
