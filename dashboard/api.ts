/** Control, asked by the page. The session's cookie goes along by itself; the header says that this page asks. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiProblem } from "../mesh/api.ts";

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const TIMEOUT_MS = 10_000;

/** `undefined` for an answer without a body; throws `Refused`, or what fetch throws when there was no answer. */
export async function ask<Answer>(method: "GET" | "POST" | "DELETE", path: string, body?: object, ifMatch?: number) {
  const headers: Record<string, string> = { "selvedge-dashboard": "1" };
  if (body) headers["content-type"] = "application/json";
  if (ifMatch !== undefined) headers["if-match"] = `"${ifMatch}"`;
  const response = await fetch(path, {
    method,
    headers,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body && { body: JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined as Answer;
  const answer = (await response.json().catch(() => ({}))) as Answer | ApiProblem;
  if (response.ok) return answer as Answer;
  const { detail, title } = answer as ApiProblem;
  throw new Refused(response.status, detail ?? title ?? `control answered ${response.status}`);
}

export type Live<T> = { readonly data?: T; readonly error?: Error };

/**
 * What control says at `path`, asked again `everyMs` after each answer. What was last known stays while it cannot be had, with the
 * error beside it. `path` as a function is worked out anew each time; `key` says when it means something else.
 */
export function useLive<T>(path: string | (() => string), key: string, paused: boolean, everyMs = 2000): Live<T> {
  const [live, setLive] = useState<Live<T> & { readonly key?: string }>({});
  const latest = useRef(path);
  latest.current = path;
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async (): Promise<void> => {
      // A page that nobody sees asks nothing.
      if (!document.hidden)
        try {
          const data = await ask<T>("GET", typeof latest.current === "string" ? latest.current : latest.current());
          if (!over) setLive({ data, key });
        } catch (error) {
          if (over) return;
          if (error instanceof Refused && error.status === 401) dispatchEvent(new Event("signed-out"));
          setLive((before) => ({ ...(before.key === key && before), key, error: error as Error }));
        }
      if (!over && !paused) timer = setTimeout(() => void next(), everyMs);
    };
    void next();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [key, paused, everyMs]);
  return live.key === key ? live : {};
}
