import type { Candidate, RouteTable } from "../snapshot.ts";

/** A candidate and the path it hangs at. */
export type Placed = {
  readonly kind: "exact" | "regex" | "prefix";
  readonly path: string;
  readonly candidate: Candidate;
};

/**
 * Gathers the matches of one host. Within a path, Gateway API's precedence: a method beats none, then more headers, then more
 * query parameters; between equals the order of adding holds, which is oldest route first and then the order in the route.
 * Of regular expressions in one folder, the longer comes first.
 */
export class TableBuilder {
  readonly #exact = new Map<string, Candidate[]>();
  readonly #regex = new Map<string, Candidate[]>();
  readonly #prefix = new Map<string, Candidate[]>();

  add(placed: readonly Placed[]): void {
    const maps = { exact: this.#exact, regex: this.#regex, prefix: this.#prefix };
    for (const { kind, path, candidate } of placed) {
      const map = maps[kind];
      const list = map.get(path);
      if (list) list.push(candidate);
      else map.set(path, [candidate]);
    }
  }

  build(): RouteTable {
    const sorted = (map: ReadonlyMap<string, Candidate[]>) =>
      // sort is stable: equals keep the order in which they were added.
      Object.fromEntries([...map].map(([path, candidates]) => [path, candidates.toSorted(bySpecificity)]));
    return {
      exact: sorted(this.#exact),
      ...(this.#regex.size > 0 && { regex: sorted(this.#regex) }),
      prefix: sorted(this.#prefix),
    };
  }
}

const bySpecificity = (a: Candidate, b: Candidate): number =>
  (b.path?.length ?? 0) - (a.path?.length ?? 0) ||
  Number(b.method !== undefined) - Number(a.method !== undefined) ||
  (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
  (b.query?.length ?? 0) - (a.query?.length ?? 0);
