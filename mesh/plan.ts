/**
 * What an apply, a deletion or a rollback does to the mesh, worked out in full before anything is stored.
 * Everything in the mesh is owned by apply, so pruning is deleting what the files no longer have.
 */
import type { ChangeResult, ResourceRef } from "./api.ts";
import { canonicalJson } from "./canonical.ts";
import { compareText, type Problem } from "./problem.ts";
import { findKind } from "./resources/kinds.ts";
import { generationOf, keyOf, type Metadata, type Resource, titleOf } from "./resources/resource.ts";

export type Change =
  | { readonly action: "created"; readonly after: Resource }
  | { readonly action: "configured" | "unchanged"; readonly before: Resource; readonly after: Resource }
  | { readonly action: "deleted"; readonly before: Resource };

export type Plan = {
  /** The whole mesh afterwards, by key. */
  readonly resources: readonly Resource[];
  /** In the order of the files; deletions last, by key. */
  readonly changes: readonly Change[];
};

/**
 * Lays `incoming` over `current`. What is new is stamped with `now` (milliseconds since 1970) unless its document
 * brings a time; what was there keeps its stamp, since the older of two equal routes wins. Keys of `incoming` are unique.
 */
export function planApply(
  current: readonly Resource[],
  incoming: readonly Resource[],
  { prune, now }: { readonly prune: boolean; readonly now: number },
): Plan {
  const stored = byKey(current);
  const wanted = incoming.map((resource) => {
    const before = stored.get(keyOf(resource));
    const creationTimestamp = before?.metadata.creationTimestamp ?? resource.metadata.creationTimestamp ?? rfc3339(now);
    return withMetadata(resource, { creationTimestamp, generation: generationAfter(before, resource) });
  });
  return layOver(stored, wanted, prune);
}

/**
 * Brings back `old`, an earlier epoch's whole set, stamps included: equal resources compile to an equal snapshot.
 * Generations go on growing, since going back is a change too.
 */
export function planRollback(current: readonly Resource[], old: readonly Resource[]): Plan {
  const stored = byKey(current);
  const wanted = old.map((resource) => {
    const before = stored.get(keyOf(resource));
    const generation = before ? generationAfter(before, resource) : resource.metadata.generation;
    return withMetadata(resource, { generation });
  });
  return layOver(stored, wanted, true);
}

/** Takes out what `refs` name. A kind may go by any of its names; a namespaced one is in `default` unless it says. */
export function planDelete(
  current: readonly Resource[],
  refs: readonly ResourceRef[],
): Plan & { readonly problems: readonly Problem[] } {
  const stored = byKey(current);
  const gone = new Map<string, Resource>();
  const problems: Problem[] = [];
  for (const { kind: word, namespace = "default", name } of refs) {
    const info = findKind(word);
    if (!info) {
      problems.push({ severity: "error", code: "unknown-kind", message: `there is no kind "${word}"` });
      continue;
    }
    const named = { kind: info.kind, metadata: info.namespaced ? { namespace, name } : { name } };
    const resource = stored.get(keyOf(named));
    if (resource) gone.set(keyOf(named), resource);
    else
      problems.push({
        severity: "error",
        code: "dangling-reference",
        resource: titleOf(named),
        message: "is not in the mesh",
      });
  }
  return {
    resources: inKeyOrder([...stored].filter(([key]) => !gone.has(key))),
    changes: inKeyOrder([...gone]).map((before) => ({ action: "deleted", before })),
    problems,
  };
}

/** How many resources a plan creates, configures and deletes. All three 0: nothing to do. */
export function tally(changes: readonly Change[]): { created: number; configured: number; deleted: number } {
  const count = { created: 0, configured: 0, unchanged: 0, deleted: 0 };
  for (const { action } of changes) count[action]++;
  return { created: count.created, configured: count.configured, deleted: count.deleted };
}

/** A change as the API tells it; `whole` adds the resource before and after. */
export function resultOf(change: Change, whole: boolean): ChangeResult {
  const { kind, metadata } = change.action === "deleted" ? change.before : change.after;
  const { name, namespace } = metadata;
  const ref: ResourceRef = namespace === undefined ? { kind, name } : { kind, namespace, name };
  return whole ? { ...ref, ...change } : { ...ref, action: change.action };
}

function layOver(stored: ReadonlyMap<string, Resource>, wanted: readonly Resource[], prune: boolean): Plan {
  const changes = wanted.map((resource) => {
    const before = stored.get(keyOf(resource));
    const text = canonicalJson(resource);
    // What is unchanged stays the same object: whoever worked something out of it need not do so again.
    if (before && canonicalJson(before) === text) return { action: "unchanged", before, after: before } as const;
    // As it is when it is read again.
    const after = JSON.parse(text) as Resource;
    return before ? ({ action: "configured", before, after } as const) : ({ action: "created", after } as const);
  });
  const applied = byKey(changes.map(({ after }) => after));
  const absent = [...stored].filter(([key]) => !applied.has(key));
  const dropped = prune ? inKeyOrder(absent) : [];
  return {
    resources: inKeyOrder([...(prune ? [] : absent), ...applied]),
    changes: [...changes, ...dropped.map((before): Change => ({ action: "deleted", before }))],
  };
}

/**
 * As a Kubernetes server counts: 1 at first, and one more whenever something outside `metadata` changes. What was stored
 * before there were generations stays without until then, so that an equal document stays unchanged.
 */
function generationAfter(before: Resource | undefined, after: Resource): number | undefined {
  if (!before) return 1;
  const { generation } = before.metadata;
  return canonicalJson(bodyOf(before)) === canonicalJson(bodyOf(after)) ? generation : generationOf(before) + 1;
}

/** Without `apiVersion` too: another version of a kind says the same. */
const bodyOf = ({ metadata: _metadata, apiVersion: _apiVersion, ...body }: Resource): object => body;

function withMetadata(
  resource: Resource,
  stamps: Pick<Metadata, "creationTimestamp"> & { generation: number | undefined },
): Resource {
  const { generation: _given, ...metadata } = { ...resource.metadata, ...stamps };
  const { generation } = stamps;
  return { ...resource, metadata: { ...metadata, ...(generation !== undefined && { generation }) } };
}

const byKey = (resources: readonly Resource[]): Map<string, Resource> =>
  new Map(resources.map((resource) => [keyOf(resource), resource]));

const inKeyOrder = (resources: readonly (readonly [key: string, resource: Resource])[]): Resource[] =>
  resources.toSorted(([a], [b]) => compareText(a, b)).map(([, resource]) => resource);

const rfc3339 = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
