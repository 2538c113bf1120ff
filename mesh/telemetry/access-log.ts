/** The access log: which requests have a line, and what stands in it. docs/access-logs.md documents both. */
import { redactedHeader, redactedQuery, redactedText } from "./redaction.ts";

export type AccessLog = {
  /** In CEL; absent admits all. */
  readonly filter?: string;
  /** Of the requests of each outcome so many have a line, 0 to 1. */
  readonly shares: Readonly<Record<Outcome, number>>;
  /** Names in lower case. */
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  /** Headers and query parameters that are credentials besides those that are known, in lower case. */
  readonly redact: readonly string[];
};

export type Outcome = "success" | "clientError" | "serverError";

export const outcomeOf = (status: number): Outcome =>
  status >= 500 ? "serverError" : status >= 400 ? "clientError" : "success";

/** What a line is made of. Empty text and undefined are left out of it. */
export type Logged = {
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly durationMs: number;
  readonly epoch: number | undefined;
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  /** With its question mark. */
  readonly search: string;
  readonly status: number;
  readonly cause: string;
  readonly degraded: string | undefined;
  readonly wouldDeny: boolean;
  readonly route: string;
  readonly rule: string;
  readonly backend: string;
  readonly attempts: number;
  readonly hedges: number;
  readonly client: string;
  /** `namespace/name`. */
  readonly caller: string;
  readonly requestHeaders: HeaderReader;
  readonly responseHeaders: HeaderReader;
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** Of requests of this outcome so many have a line. */
  readonly share: number;
};

type HeaderReader = { readonly get: (name: string) => string | null };

/** One line of JSON, without its end. `further` are the names of `log.redact`. */
export function accessLine(log: AccessLog, further: ReadonlySet<string>, logged: Logged): string {
  const { requestHeaders, responseHeaders } = logged;
  // `undefined` is left out by JSON.
  return JSON.stringify({
    kind: "access",
    time: new Date(logged.began).toISOString(),
    durationMs: logged.durationMs,
    method: logged.method,
    scheme: logged.scheme,
    host: logged.host,
    path: redactedText(logged.path, further),
    query: logged.search === "" ? undefined : redactedQuery(logged.search.slice(1), further),
    status: logged.status,
    cause: present(logged.cause),
    degraded: logged.degraded,
    wouldDeny: logged.wouldDeny || undefined,
    route: present(logged.route),
    rule: present(logged.rule),
    backend: present(logged.backend),
    attempts: logged.attempts,
    hedges: logged.hedges || undefined,
    client: present(logged.client),
    caller: present(logged.caller),
    userAgent: textOf(requestHeaders, "user-agent", further),
    requestBytes: lengthOf(requestHeaders),
    responseBytes: lengthOf(responseHeaders),
    requestHeaders: valuesOf(requestHeaders, log.requestHeaders, further),
    responseHeaders: valuesOf(responseHeaders, log.responseHeaders, further),
    epoch: logged.epoch,
    traceId: logged.traceId,
    spanId: logged.spanId,
    sampled: logged.sampled || undefined,
    share: logged.share === 1 ? undefined : logged.share,
  });
}

const present = (text: string): string | undefined => (text === "" ? undefined : text);

function textOf(headers: HeaderReader, name: string, further: ReadonlySet<string>): string | undefined {
  const value = headers.get(name);
  return value === null ? undefined : redactedHeader(name, value, further);
}

/** By Content-Length; a body that does not say how long it is has none. */
function lengthOf(headers: HeaderReader): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : Number(length);
}

function valuesOf(
  headers: HeaderReader,
  names: readonly string[],
  further: ReadonlySet<string>,
): Readonly<Record<string, string>> | undefined {
  const found = names.flatMap((name) => {
    const value = textOf(headers, name, further);
    return value === undefined ? [] : [[name, value] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
