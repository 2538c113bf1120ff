/**
 * The same for undici, as an interceptor: `new Agent().compose(meshInterceptor({ edges }))`, for that Agent's `request`, `stream` and
 * `pipeline`, and for `fetch` with it as `dispatcher`. undici 7 and later.
 */
import { incoming } from "./context.ts";
import { headersFor, TIMEOUT_MS } from "./index.ts";
import { isIdempotent, sent, verdict } from "./verdict.ts";
import { type Options, waysOf } from "./ways.ts";

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;
type Dispatched = {
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly headersTimeout?: number | null | undefined;
};
type Handler = {
  onRequestStart?(controller: unknown, context: unknown): void;
  onRequestUpgrade?(controller: unknown, status: number, headers: Fields, socket: unknown): void;
  onResponseStart?(controller: unknown, status: number, headers: Fields, message?: string): void;
  onResponseData?(controller: unknown, chunk: unknown): void;
  onResponseEnd?(controller: unknown, trailers: Fields): void;
  onResponseError?(controller: unknown, error: unknown): void;
};
type Dispatch = (options: Dispatched, handler: Handler) => boolean;

/** Of an answer that is left for the next way: undici ends the response that it is thrown in. */
class LeftForNext extends Error {}

/** Redirects are as undici has them; the time is kept as its `headersTimeout`, whose clock is no finer than half a second. */
export function meshInterceptor(options: Options): <D>(dispatch: D) => D {
  const ways = waysOf(options);
  return <D>(dispatch: D): D => {
    const send = dispatch as Dispatch;
    const through: Dispatch = (given, handler) => {
      const url = new URL(given.path, given.origin);
      const service = ways.serviceOf(url);
      if (service === undefined) return send(given, handler);
      const { deadline, retries } = incoming();
      const until = Math.min(Date.now() + (options.timeoutMs ?? TIMEOUT_MS), deadline);
      const tries = ways.to(service);

      const attempt = async (index: number): Promise<void> => {
        const way = tries[index];
        if (!way) throw new Error("selvedge-client: no edge is given");
        const left = Math.max(1, until - Date.now());
        const headers = Object.fromEntries(await headersFor(way, headersOf(given.headers), left, options));
        const next = tries[index + 1];
        const mayLeave = (outcome: string): boolean =>
          next !== undefined &&
          Date.now() < until &&
          isRepeatable(given.body) &&
          (outcome !== "failed" || (isIdempotent(given.method) && retries > 0 && ways.spend()));
        const note = (outcome: string): void => {
          if (outcome === "down") ways.isDown(way);
          else if (outcome !== "answered" && outcome !== "elsewhere") ways.suspect(way);
        };
        const leave = (controller: unknown, why: string): void => {
          options.onWayRound?.({ service, from: way.base, to: next!.base, why }); // there is one, or it may not be left
          attempt(index + 1).catch((error: unknown) => handler.onResponseError?.(controller, error));
        };
        let begun = false;
        let leaving: string | undefined;
        const watched: Handler = {
          onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
          onRequestUpgrade: (...upgrade) => handler.onRequestUpgrade?.(...upgrade),
          onResponseStart: (controller, status, answered, message) => {
            const outcome =
              way.edge === undefined ? "answered" : verdict(status, { get: (name) => one(answered[name]) });
            note(outcome);
            if (outcome !== "answered" && mayLeave(outcome)) {
              leaving = outcome;
              throw new LeftForNext();
            }
            begun = true;
            handler.onResponseStart?.(controller, status, answered, message);
          },
          onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
          onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
          onResponseError: (controller, error) => {
            if (leaving !== undefined) return leave(controller, leaving);
            if (begun || isAborted(error)) return handler.onResponseError?.(controller, error);
            const outcome = sent(error);
            note(outcome);
            if (mayLeave(outcome)) return leave(controller, outcome);
            handler.onResponseError?.(controller, error);
          },
        };
        const { origin, pathname } = new URL(way.base);
        const path = `${pathname === "/" ? "" : pathname}${url.pathname}${url.search}`;
        send({ ...given, origin, path, headers, headersTimeout: left }, watched);
      };
      attempt(0).catch((error: unknown) => handler.onResponseError?.(undefined, error));
      return true;
    };
    return through as D;
  };
}

const isAborted = (error: unknown): boolean => (error as { readonly name?: string }).name === "AbortError";

const isRepeatable = (body: unknown): boolean =>
  body === null || body === undefined || typeof body === "string" || body instanceof Uint8Array;

const one = (value: string | readonly string[] | undefined): string | null =>
  value === undefined ? null : typeof value === "string" ? value : (value[0] ?? null);

/** undici takes them as an object, as a flat list, or as pairs. */
function headersOf(given: unknown): Headers {
  const headers = new Headers();
  const add = (name: string, value: unknown): void => {
    for (const each of Array.isArray(value) ? value : [value]) if (each != null) headers.append(name, String(each));
  };
  if (Array.isArray(given) && !Array.isArray(given[0]))
    for (let at = 0; at + 1 < given.length; at += 2) add(String(given[at]), given[at + 1]);
  else if (given && typeof given === "object")
    for (const [name, value] of Symbol.iterator in given
      ? (given as Iterable<[string, unknown]>)
      : Object.entries(given))
      add(name, value);
  return headers;
}
