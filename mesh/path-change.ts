import type { PathChange } from "./snapshot.ts";

/** A path, and the prefix of it that matched, without its last slash; no prefix where the path matched otherwise. */
type Matched = { readonly path: string; readonly prefix?: string | undefined };

/** Gateway API's HTTPPathModifier. A prefix is replaced whole, and what is left of it stays one path. */
export function changedPath({ path, prefix }: Matched, { kind, to }: PathChange): string {
  if (kind === "full") return to.startsWith("/") ? to : `/${to}`;
  // Reached by an exact match, the whole path is what matched.
  const rest = path.slice(prefix === undefined ? path.length : prefix.length).replace(/^\/+/, "");
  const base = to.replace(/\/+$/, "");
  if (rest === "") return base === "" ? "/" : to.startsWith("/") ? base + trailing(path, prefix) : `/${base}`;
  return `${base.startsWith("/") || base === "" ? base : `/${base}`}/${rest}`;
}

/** `/one/` under prefix `/one` keeps its slash. */
const trailing = (path: string, prefix: string | undefined): string =>
  prefix !== undefined && path.length > prefix.length && path.endsWith("/") ? "/" : "";
