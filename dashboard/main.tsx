/** The page: who is signed in, which view is shown, and what keys do. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { EdgesResponse, ResourcesResponse, SessionResponse } from "../mesh/api.ts";
import { ask, useLive } from "./api.ts";
import { RANGES, rangeNamed } from "./model.ts";
import { altered, go, here, hrefOf, isSignIn, type Place, takeCode, usePlace, VIEWS } from "./place.ts";
import { SignIn } from "./sign-in.tsx";
import { Configuration } from "./views/configuration.tsx";
import { Edges } from "./views/edges.tsx";
import { Graph } from "./views/graph.tsx";
import { Overview } from "./views/overview.tsx";
import { Service } from "./views/service.tsx";
import { Services } from "./views/services.tsx";

const TITLES = {
  overview: "Overview",
  graph: "Graph",
  services: "Services",
  configuration: "Configuration",
  edges: "Edges",
};
const KEYS = [
  ["1–5", "views"],
  ["p", "pause"],
  ["t", "theme"],
  ["[ ]", "time range"],
  ["/", "find"],
];

function App() {
  /** Undefined until control has said so. */
  const [signedIn, setSignedIn] = useState<boolean | "refused">();
  useEffect(() => {
    const start = (): void => void begin().then(setSignedIn);
    start();
    const moved = (): void => {
      if (isSignIn()) start();
    };
    addEventListener("hashchange", moved);
    const out = (): void => setSignedIn(false);
    addEventListener("signed-out", out);
    return () => {
      removeEventListener("hashchange", moved);
      removeEventListener("signed-out", out);
    };
  }, []);
  if (signedIn === undefined) return null;
  if (signedIn === true) return <Dashboard />;
  return <SignIn refused={signedIn === "refused"} done={() => setSignedIn(true)} />;
}

/** Whether one is signed in, if need be by the code of `selvedge dashboard`, which is gone from the URL before it is used. */
async function begin(): Promise<boolean | "refused"> {
  const code = takeCode();
  try {
    if (code !== undefined) {
      await ask("POST", "/session", { code });
      return true;
    }
    return (await ask<SessionResponse>("GET", "/v1/session")).open;
  } catch {
    // Without an answer the views say better what is the matter than an empty page does.
    return code === undefined ? true : "refused";
  }
}

function Dashboard() {
  const place = usePlace();
  const [theme, turn] = useTheme();
  const range = rangeNamed(place.query["range"]);
  const paused = place.query["paused"] === "1";
  const { data: edges, error } = useLive<EdgesResponse>("/v1/edges", "edges", paused);
  const inForce = useLive<ResourcesResponse>(
    "/v1/resources",
    `resources ${edges?.epoch} ${edges?.hash}`,
    paused,
    10_000,
  );
  const [resources, keep] = useState<ResourcesResponse>();
  // Of the epoch before, until those of a new one are there.
  useEffect(() => {
    if (inForce.data) keep(inForce.data);
  }, [inForce.data]);
  const shown = { place, range, paused, edges, resources: resources?.items };

  const pauseHref = (at: Place): string => altered(at, { paused: at.query["paused"] ? undefined : "1" });
  const onward = (at: Place, by: number): void => {
    const next = RANGES[RANGES.indexOf(rangeNamed(at.query["range"])) + by];
    if (next) go(altered(at, { range: next.name }));
  };
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLInputElement || event.metaKey || event.ctrlKey || event.altKey) return;
      const at = here();
      const view = VIEWS[Number(event.key) - 1];
      if (view) go(hrefOf(view, {}, at));
      else if (event.key === "p") go(pauseHref(at));
      else if (event.key === "t") turn();
      else if (event.key === "[") onward(at, -1);
      else if (event.key === "]") onward(at, 1);
      else if (event.key === "/") document.querySelector<HTMLInputElement>(".filter")?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  });
  const title = `${place.query["name"] ?? place.view} · Selvedge`;
  useEffect(() => void (document.title = title), [title]);

  const signOut = async (): Promise<void> => {
    await ask("DELETE", "/session");
    dispatchEvent(new Event("signed-out"));
  };
  return (
    <div class="frame">
      <aside>
        <a class="brand" href={hrefOf("overview", {}, place)}>
          <img src="/icon.svg" width="26" height="26" alt="" /> Selvedge
        </a>
        <nav aria-label="Views">
          {VIEWS.map((view, index) => (
            <a
              key={view}
              href={hrefOf(view, {}, place)}
              aria-current={(place.view === "service" ? "services" : place.view) === view ? "page" : undefined}
            >
              {TITLES[view]}
              <kbd>{index + 1}</kbd>
            </a>
          ))}
        </nav>
        <ul class="keys" aria-label="Keys">
          {KEYS.map(([key, what]) => (
            <li key={key}>
              <kbd>{key}</kbd> {what}
            </li>
          ))}
        </ul>
      </aside>
      <main>
        <div class="bar">
          <span class={error ? "live lost" : paused ? "live" : "live on"}>
            {error ? "no answer" : paused ? "paused" : "live"}
          </span>
          <div class="ranges" role="group" aria-label="Time range">
            {RANGES.map(({ name }) => (
              <a
                key={name}
                href={altered(place, { range: name })}
                aria-current={name === range.name ? "true" : undefined}
              >
                {name}
              </a>
            ))}
          </div>
          <a class="button" href={pauseHref(place)}>
            {paused ? "Resume" : "Pause"}
          </a>
          <button type="button" onClick={turn}>
            {theme === "dark" ? "Light" : "Dark"}
          </button>
          <button type="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
        {place.view === "overview" && <Overview {...shown} theme={theme} />}
        {place.view === "graph" && <Graph {...shown} />}
        {place.view === "services" && <Services {...shown} />}
        {place.view === "service" && <Service key={place.query["name"]} {...shown} theme={theme} />}
        {place.view === "configuration" && <Configuration {...shown} />}
        {place.view === "edges" && <Edges {...shown} />}
      </main>
    </div>
  );
}

/** The system's, until someone chooses; a choice stays in this browser. */
function useTheme(): readonly [string, () => void] {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? system);
  document.documentElement.dataset["theme"] = theme;
  const turn = (): void => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", next);
    setTheme(next);
  };
  return [theme, turn];
}

render(<App />, document.getElementById("app")!);
