/** `fetch` through the mesh: by the nearest edge, by the next where that fails, and past the mesh where its configuration says so. */
import { incoming, serving } from "./context.ts";
import { type Options, type Way, type Ways, waysOf } from "./ways.ts";
import { isIdempotent, sent, verdict } from "./verdict.ts";

export type { IncomingHeaders } from "./context.ts";
export type { Options, WayRound } from "./ways.ts";
export { serving };

export const TIMEOUT_MS = 15_000;

/**
 * A `fetch` for services of the mesh (`http://<service>.<namespace>.<domain>/…`); any other URL goes to the global one. Redirects are not
 * followed unless `redirect` says so. Rejects with what the last way failed with; with a TimeoutError when the time is up.
 */
export function meshFetch(options: Options): typeof fetch {
  const ways = waysOf(options);
  return async (input, init = {}) => {
    const request = input instanceof Request ? input : undefined;
    const url = new URL(input instanceof Request ? input.url : input);
    const service = ways.serviceOf(url);
    if (service === undefined) return fetch(input, init);
    const { headers, ...given } = { ...(request && partsOf(request)), ...init };
    const call: Call = { service, rest: url.pathname + url.search, headers: new Headers(headers), init: given };
    return along(ways, call, options);
  };
}

type Call = {
  readonly service: string;
  /** Path and query. */
  readonly rest: string;
  readonly headers: Headers;
  readonly init: Omit<RequestInit, "headers">;
};

const partsOf = ({ method, headers, body, signal }: Request): RequestInit => ({
  method,
  headers,
  signal,
  ...(body && { body, duplex: "half" }),
});

async function along(ways: Ways, call: Call, options: Options): Promise<Response> {
  const { deadline, retries } = incoming();
  const until = Math.min(Date.now() + (options.timeoutMs ?? TIMEOUT_MS), deadline);
  const mayRepeat = isIdempotent(call.init.method ?? "GET");
  const tries = ways.to(call.service);
  for (const [index, way] of tries.entries()) {
    const next = tries[index + 1];
    const result = await attempt(way, call, until, options);
    if (result.outcome === "answered") return result.response;
    const { outcome } = result;
    if (outcome === "down") ways.isDown(way);
    else if (outcome !== "elsewhere") ways.suspect(way);
    const again =
      next &&
      Date.now() < until &&
      !isSpent(call.init.body) &&
      (outcome !== "failed" || (mayRepeat && retries > 0 && ways.spend()));
    if (!again) return "response" in result ? result.response : Promise.reject(result.error as Error);
    if ("response" in result) await result.response.body?.cancel();
    options.onWayRound?.({ service: call.service, from: way.base, to: next.base, why: outcome });
  }
  throw new Error("selvedge-client: no edge is given");
}

type Result =
  | { readonly outcome: ReturnType<typeof verdict>; readonly response: Response }
  | { readonly outcome: ReturnType<typeof sent>; readonly error: unknown };

async function attempt(way: Way, { rest, headers, init }: Call, until: number, options: Options): Promise<Result> {
  const left = until - Date.now();
  const mine = new AbortController();
  const timer = setTimeout(
    () => mine.abort(new DOMException("The mesh did not answer within the time allowed", "TimeoutError")),
    Math.max(0, left),
  );
  try {
    const signal = init.signal ? AbortSignal.any([init.signal, mine.signal]) : mine.signal;
    const own = await headersFor(way, headers, left, options);
    const response = await fetch(way.base + rest, { redirect: "manual", ...init, headers: own, signal });
    return { outcome: way.edge === undefined ? "answered" : verdict(response.status, response.headers), response };
  } catch (error) {
    // A caller that gives up says nothing of the way.
    if (init.signal?.aborted) throw error;
    return { outcome: sent(error), error };
  } finally {
    clearTimeout(timer);
  }
}

/** Identity goes to the mesh alone: a service that had the token could call others in the caller's name. */
export async function headersFor(
  { edge }: Way,
  given: Headers,
  leftMs: number,
  { token }: Pick<Options, "token">,
): Promise<Headers> {
  const headers = new Headers(given);
  const { headers: carried, assertion } = incoming();
  for (const [name, value] of carried) if (!headers.has(name)) headers.set(name, value);
  headers.set("selvedge-timeout-ms", String(Math.max(1, Math.floor(leftMs))));
  if (edge === undefined || !token) return headers;
  headers.set("selvedge-token", await token());
  // Believed from its own addressee alone, and so together with the token.
  if (assertion !== undefined) headers.set("selvedge-caller", assertion);
  return headers;
}

/** What was read while it was sent cannot be sent again. */
const isSpent = (body: unknown): boolean =>
  body instanceof ReadableStream || (typeof body === "object" && body !== null && Symbol.asyncIterator in body);
