/** The resources of a mesh, parsed and indexed by what they are referred to. */
import { compareText, type Problem } from "../problem.ts";
import type { ProblemCode } from "../problem-codes.ts";
import { type KindName, type Parsed, SCHEMAS } from "../resources/kinds.ts";
import { keyOf, type Resource, titleOf } from "../resources/resource.ts";
import { upsert } from "./upsert.ts";

/** A parsed resource with the namespace it has for sure, once read. */
export type Item<K extends KindName> = Parsed<K> & { readonly metadata: { readonly namespace: string } };

export type Model = {
  readonly all: <K extends KindName>(kind: K) => readonly Item<K>[];
  readonly find: <K extends KindName>(kind: K, namespace: string, name: string) => Item<K> | undefined;
  /** Labels of a namespace: those of its resource, and its name as Kubernetes labels it. */
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>>;
  readonly problems: Problem[];
  /** The same warning twice is one: a route is compiled once for each listener it attaches to. */
  readonly warn: (item: Named, code: ProblemCode, path: string, message: string, fix?: string) => void;
  readonly refuse: (item: Named, refusal: Refusal) => void;
  /** What `work` makes, and the warnings that it gives, were they given before or not. */
  readonly overhear: <T>(work: () => T) => Overheard<T>;
  /** Gives warnings once more: those of work that need not be done again. */
  readonly repeat: (said: readonly Problem[]) => void;
};

export type Overheard<T> = { readonly made: T; readonly said: readonly Problem[] };

/** Why something does not take part: a condition's `reason` in its status, and a problem for whoever applies it. */
export type Refusal = {
  /** One of Gateway API's reasons, such as `BackendNotFound`. */
  readonly reason: string;
  readonly code: ProblemCode;
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
};

export type Named = {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string };
};

/**
 * Resources in the order that decides ties: oldest first, then by `namespace/name`. Whatever order they came in,
 * what is compiled from them is the same.
 */
export function model(resources: readonly Resource[]): Model {
  const byKind = new Map<string, Item<KindName>[]>();
  const byKey = new Map<string, Item<KindName>>();
  const problems: Problem[] = [];
  const warned = new Set<string>();
  for (const { resource, key, read } of resources.map(knownOf).sort(byAge)) {
    if ("message" in read) {
      const { message } = read;
      problems.push({ severity: "error", code: "invalid-value", resource: titleOf(resource), message });
      continue;
    }
    const { item } = read;
    upsert(byKind, item.kind, () => []).push(item);
    byKey.set(key, item);
  }
  const find: Model["find"] = (kind, namespace, name) =>
    byKey.get(keyOf({ kind, metadata: { namespace, name } })) as Item<typeof kind> | undefined;
  let hearing: Problem[] | undefined;
  const say = (problem: Problem): void => {
    hearing?.push(problem);
    const { resource, code, path, message } = problem;
    const key = JSON.stringify([resource, code, path, message]);
    if (warned.has(key)) return;
    warned.add(key);
    problems.push(problem);
  };
  const warn: Model["warn"] = (item, code, path, message, fix) =>
    say({
      severity: "warning",
      code,
      resource: titleOf(item as Resource),
      path,
      message,
      ...(fix === undefined ? {} : { fix }),
    });
  return {
    all: (kind) => (byKind.get(kind) ?? []) as Item<typeof kind>[],
    find,
    namespaceLabels: (name) => ({
      ...find("Namespace", "", name)?.metadata.labels,
      "kubernetes.io/metadata.name": name,
    }),
    problems,
    warn,
    refuse: (item, { code, path, message, fix }) => warn(item, code, path, message, fix),
    overhear: (work) => {
      const said: Problem[] = [];
      hearing = said;
      const made = work();
      hearing = undefined;
      return { made, said };
    },
    repeat: (said) => said.forEach(say),
  };
}

type Read = { readonly item: Item<KindName> } | { readonly message: string };
type Known = {
  readonly resource: Resource;
  readonly read: Read;
  readonly key: string;
  readonly time: string;
  /** One text, as the specification compares it: `a-b/x` comes before `a/x`. */
  readonly name: string;
};

/** Of a resource that is there from one change to the next: no one alters it, so that it says the same again. */
const known = new WeakMap<Resource, Known>();

function knownOf(resource: Resource): Known {
  const before = known.get(resource);
  if (before) return before;
  const { namespace = "", name } = resource.metadata;
  const time = timeOf(resource);
  const now = { resource, read: parse(resource), key: keyOf(resource), time, name: `${namespace}/${name}` };
  known.set(resource, now);
  return now;
}

/** Stored resources were valid when they came; a schema that has since grown stricter must say so, not throw. */
function parse(resource: Resource): Read {
  if (!Object.hasOwn(SCHEMAS, resource.kind)) return { message: "unknown kind" };
  const { success, data, error } = SCHEMAS[resource.kind as KindName].schema.safeParse(resource);
  if (success) return { item: data as Item<KindName> };
  return { message: error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ") };
}

const byAge = (a: Known, b: Known): number =>
  compareText(a.time, b.time) || compareText(a.name, b.name) || compareText(a.resource.kind, b.resource.kind);

/** In UTC and of one length, so that text order is time order; a resource without a stamp counts as youngest. */
function timeOf({ metadata: { creationTimestamp: stamp } }: Resource): string {
  const time = new Date(stamp ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? "~" : time.toISOString();
}
