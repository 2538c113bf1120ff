import type { Candidate, RouteTable } from "../snapshot.ts";

/** A candidate and the path it hangs at. */
export type Placed = { readonly exact: boolean; readonly path: string; readonly candidate: Candidate };

/**
 * Gathers the matches of one host. Within a path, Gateway API's precedence: a method beats none, then more headers, then more
 * query parameters; between equals the order of adding holds, which is oldest route first and then the order in the route.
 */
export class TableBuilder {
  readonly #exact = new Map<string, Candidate[]>();
  readonly #prefix = new Map<string, Candidate[]>();

  add(placed: readonly Placed[]): void {
    for (const { exact, path, candidate } of placed) {
      const map = exact ? this.#exact : this.#prefix;
      const list = map.get(path);
      if (list) list.push(candidate);
      else map.set(path, [candidate]);
    }
  }

  build(): RouteTable {
    const sorted = (map: ReadonlyMap<string, Candidate[]>) =>
      // sort is stable: equals keep the order in which they were added.
      Object.fromEntries([...map].map(([path, candidates]) => [path, candidates.toSorted(bySpecificity)]));
    return { exact: sorted(this.#exact), prefix: sorted(this.#prefix) };
  }
}

const bySpecificity = (a: Candidate, b: Candidate): number =>
  Number(b.method !== undefined) - Number(a.method !== undefined) ||
  (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
  (b.query?.length ?? 0) - (a.query?.length ?? 0);
