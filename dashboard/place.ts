/** Where one is: view and what it shows, all of it in the URL, so that a link shows another the same. */
import { useEffect, useState } from "preact/hooks";

export const VIEWS = ["overview", "graph", "services", "configuration", "edges"] as const;
export type View = (typeof VIEWS)[number] | "service";
export type Place = { readonly view: View; readonly query: Readonly<Record<string, string>> };

/** Behind the `#`: it does not reach the server, and needs no route there. */
function placeOf(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?");
  const view = [...VIEWS, "service" as const].find((name) => name === path) ?? "overview";
  return { view, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** Where one is by now: what was drawn last may be older than the key that is pressed. */
export const here = (): Place => placeOf(location.hash);

/** What `selvedge dashboard` opens: `#/sign-in?code=…` */
export const isSignIn = (): boolean => location.hash.startsWith("#/sign-in?code=");

/** The code in such a URL, which is the overview's from then on. */
export function takeCode(): string | undefined {
  if (!isSignIn()) return undefined;
  const code = location.hash.slice(location.hash.indexOf("=") + 1);
  goQuietly("#/overview");
  return code;
}

/** Range and pause stay from view to view; empty values go. */
export function hrefOf(view: View, query: Readonly<Record<string, string | undefined>>, from?: Place): string {
  const kept = from ? { range: from.query["range"], paused: from.query["paused"] } : {};
  const entries = Object.entries({ ...kept, ...query }).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const search = new URLSearchParams(entries).toString();
  return `#/${view}${search ? `?${search}` : ""}`;
}

/** The same place with some of its query changed; `undefined` takes a key away. */
export const altered = (place: Place, query: Readonly<Record<string, string | undefined>>): string =>
  hrefOf(place.view, { ...place.query, ...query });

export const go = (href: string): void => void (location.hash = href);
/** For what is typed: no step back for each letter. */
export const goQuietly = (href: string): void => {
  history.replaceState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
};

export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const moved = (): void => setHash(location.hash);
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return placeOf(hash);
}
