import type { Candidate, RouteTable } from "../snapshot.ts";

/** A candidate and the path it hangs at. */
export type Placed = {
  readonly kind: "exact" | "regex" | "prefix";
  readonly path: string;
  readonly candidate: Candidate;
};

/**
 * Lays out the matches of one host, each route's together, oldest route first. Within a path, Gateway API's precedence: a method beats none, then more headers, then more
 * query parameters; between equals the older route's comes first, and of one route the first.
 * Of regular expressions in one folder, the longer comes first.
 */
export function tableOf(routes: readonly (readonly Placed[])[]): RouteTable {
  const found = {
    exact: new Map<string, Candidate[]>(),
    regex: new Map<string, Candidate[]>(),
    prefix: new Map<string, Candidate[]>(),
  };
  for (const placed of routes)
    for (const { kind, path, candidate } of placed) {
      const list = found[kind].get(path);
      if (list) list.push(candidate);
      else found[kind].set(path, [candidate]);
    }
  const sorted = (map: ReadonlyMap<string, Candidate[]>) =>
    // sort is stable: equals keep the order in which they were added.
    Object.fromEntries([...map].map(([path, candidates]) => [path, candidates.toSorted(bySpecificity)]));
  return {
    exact: sorted(found.exact),
    ...(found.regex.size > 0 && { regex: sorted(found.regex) }),
    prefix: sorted(found.prefix),
  };
}

const bySpecificity = (a: Candidate, b: Candidate): number =>
  (b.path?.length ?? 0) - (a.path?.length ?? 0) ||
  Number(b.method !== undefined) - Number(a.method !== undefined) ||
  (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
  (b.query?.length ?? 0) - (a.query?.length ?? 0);
