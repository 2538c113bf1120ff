/**
 * Answers that are kept for when the upstream fails. Which may be kept, for whom and for how long, is RFC 9111's to say, as for a
 * cache that many share, and RFC 5861's (stale-if-error); where those let a cache guess, nothing is guessed: what the service says
 * nothing about is not kept. Nothing kept is given while the upstream answers.
 */

export type StaleServe = {
  /** The rule: what was answered by one says nothing of another. */
  readonly scope: string;
  /** For how long at most an answer is given after it went stale. */
  readonly maxStaleMs: number;
  /** A larger body is passed on and not kept. */
  readonly maxBytes: number;
  /** When requests for the same wait for one answer. */
  readonly collapse: "never" | "failing" | "always";
  /** Headers, in lower case, by which callers say who they are; `authorization` and `cookie` among them. */
  readonly callerHeaders: readonly string[];
};

type Header = (name: string) => string | null;

/** A request, as far as it matters here. `known`: it says who makes it, so that its answer may be meant for nobody else. */
export type Asked = { readonly header: Header; readonly known: boolean };

/** What a kept answer may be used for. Times in milliseconds. */
export type Terms = {
  /** When the service made it, since 1970. */
  readonly bornAt: number;
  readonly freshMs: number;
  /** For how long after that it may stand in for an error. */
  readonly staleMs: number;
  /** The service says that it is everyone's: otherwise it is for callers who do not say who they are. */
  readonly open: boolean;
};

export type Kept = Terms & {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Decoded. */
  readonly body: Uint8Array<ArrayBuffer>;
};

/** What stands under a request's key: its answer, or by which of the request's headers it has several; `id` is of this choice. */
export type Entry = Kept | { readonly kind: "varies"; readonly by: readonly string[]; readonly id: string };

/** In seconds; `ttl` is negative once the answer is stale. */
export type Usable = { readonly age: number; readonly ttl: number };

/**
 * Statuses that mean the same to the next who asks. Of those that RFC 9110 §15.1 lets a cache keep, without the partial answer (206), and
 * errors that are none of the resource's (501) or would be given in the place of another error.
 */
const KEPT_STATUSES: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 302, 307, 308, 404, 410]);

/** RFC 5861 §4, and what Cloudflare answers in the place of an upstream. */
export const isFailure = (status: number): boolean =>
  status === 500 || (status >= 502 && status <= 504) || (status >= 520 && status <= 530);

/** RFC 9110 §9.2.1: these change nothing, so that what is kept still holds after them. */
export const isSafe = (method: string): boolean => method === "GET" || method === "HEAD" || method === "OPTIONS";

const MOST_VARIED = 8;
/** What the runtime decodes as it is read: kept decoded, an answer is the same whatever its caller accepts. */
const DECODED: ReadonlySet<string | null> = new Set([null, "identity", "gzip", "br"]);

export const requestKey = (scope: string, port: number, url: string): string => `${scope} ${port} ${url}`;

export const variantKey = (key: string, { by, id }: Extract<Entry, { kind: "varies" }>, header: Header): string =>
  `${key}\n${id} ${JSON.stringify(by.map(header))}`;

/** The request's headers on which the answer depends, in order and in lower case; undefined when it is nobody else's answer. */
export function variedBy(vary: string | null): readonly string[] | undefined {
  const names = new Set((vary ?? "").split(",").map((name) => name.trim().toLowerCase()));
  names.delete("");
  names.delete("accept-encoding");
  return names.has("*") || names.size > MOST_VARIED ? undefined : [...names].toSorted();
}

/** On what terms the answer to a GET may be kept; undefined when it may not. `now` is when it came, since 1970. */
export function termsOf(
  { maxStaleMs }: Pick<StaleServe, "maxStaleMs">,
  asked: Asked,
  { status, header }: { readonly status: number; readonly header: Header },
  now: number,
): Terms | undefined {
  if (!KEPT_STATUSES.has(status) || !DECODED.has(header("content-encoding"))) return undefined;
  const says = directives(header("cache-control"));
  if (!says || ["no-store", "no-cache", "private"].some((name) => says.has(name))) return undefined;
  if (directives(asked.header("cache-control"))?.has("no-store") !== false) return undefined;
  if (!variedBy(header("vary"))) return undefined;
  const open = says.has("public") || says.has("s-maxage");
  if ((asked.known || header("set-cookie") !== null) && !open) return undefined;
  const lifetime = lifetimeOf(says, header);
  const staleIfError = seconds(says, "stale-if-error");
  if (lifetime === undefined && staleIfError === undefined && !open) return undefined;
  const freshMs = lifetime ?? 0;
  const staleMs = Math.min(staleAllowed(says, staleIfError), maxStaleMs);
  const bornAt = now - ageOf(header, now);
  return now - bornAt < freshMs + staleMs ? { bornAt, freshMs, staleMs, open } : undefined;
}

/** RFC 9111 §4.2.1, without the guess of §4.2.2. */
function lifetimeOf(says: Directives, header: Header): number | undefined {
  const said = seconds(says, "s-maxage") ?? seconds(says, "max-age");
  if (said !== undefined) return said;
  const expires = header("expires");
  if (expires === null) return undefined;
  const ms = Date.parse(expires) - Date.parse(header("date") ?? "");
  // `Expires: 0` and whatever else is no date has expired.
  return ms > 0 ? ms : 0;
}

/** RFC 9111 §4.2.4: these forbid it, the last one unless the service allows it all the same. */
function staleAllowed(says: Directives, staleIfError: number | undefined): number {
  if (says.has("must-revalidate") || says.has("proxy-revalidate")) return 0;
  return staleIfError ?? (says.has("s-maxage") ? 0 : Infinity);
}

/** RFC 9111 §4.2.3. */
function ageOf(header: Header, now: number): number {
  const said = wholeSeconds(header("age") ?? "0");
  const date = Date.parse(header("date") ?? "");
  return Math.max(said, Number.isNaN(date) ? 0 : now - date, 0);
}

/**
 * Whether a kept answer may be given, the upstream having failed. What a request says of caching is advice (RFC 9111 §5.2.1): it has asked
 * the upstream, as `no-cache` and `max-age` want; how stale an answer in an error's place may be, `stale-if-error` says (RFC 5861).
 */
export function usable(terms: Terms, asked: Asked, now: number): Usable | undefined {
  if (asked.known && !terms.open) return undefined;
  const ageMs = Math.max(0, now - terms.bornAt);
  const says = directives(asked.header("cache-control"));
  const accepted = says && seconds(says, "stale-if-error");
  const staleMs = Math.min(terms.staleMs, accepted ?? Infinity);
  if (!says || ageMs >= terms.freshMs + staleMs) return undefined;
  return { age: Math.floor(ageMs / 1000), ttl: Math.floor((terms.freshMs - ageMs) / 1000) };
}

/** Whether the answer to another's request, which was made a moment ago, will do. */
export const mayShare = (asked: Asked): boolean => {
  const says = directives(asked.header("cache-control"));
  return says !== undefined && !says.has("no-cache") && !says.has("no-store");
};

/** For how long the answer is of any use, in milliseconds. */
export const lifeLeft = ({ bornAt, freshMs, staleMs }: Terms, now: number): number => bornAt + freshMs + staleMs - now;

const LONGEST_UNRENEWED_MS = 10_000;

/** Under steady traffic not every answer is kept: the one before will do, until a tenth of its time is over. */
export const isNews = (before: Terms, { bornAt }: Terms): boolean =>
  bornAt - before.bornAt >= Math.min(LONGEST_UNRENEWED_MS, (before.freshMs + before.staleMs) / 10);

/**
 * When the wait for the upstream is over, if something else may be had: shortly before the caller's patience is. Milliseconds from now, of
 * `leftMs` that there are.
 */
export const patience = (leftMs: number): number => Math.max(leftMs / 2, leftMs - MARGIN_MS);
const MARGIN_MS = 100;

type Directives = ReadonlyMap<string, string>;

/** Of a Cache-Control: of what stands twice, the first counts. Undefined for what cannot be read for sure. */
function directives(value: string | null): Directives | undefined {
  const found = new Map<string, string>();
  if (value === null) return found;
  for (const part of value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"|")+/g) ?? []) {
    const [, name, quoted, token] = /^\s*([^\s=",;]+)\s*(?:=\s*(?:"([^"]*)"|([^\s"]*))\s*)?$/.exec(part) ?? [];
    if (name === undefined) {
      if (part.trim() !== "") return undefined;
      continue;
    }
    const lower = name.toLowerCase();
    if (!found.has(lower)) found.set(lower, quoted ?? token ?? "");
  }
  return found;
}

/** In milliseconds. What is no number of seconds is none at all: such an answer is stale (RFC 9111 §4.2.1). */
const seconds = (says: Directives, name: string): number | undefined => {
  const value = says.get(name);
  return value === undefined ? undefined : wholeSeconds(value);
};

/** As many as a cache need tell apart (RFC 9111 §1.2.2). */
const MOST_SECONDS = 2 ** 31;

const wholeSeconds = (text: string): number => (/^\d+$/.test(text) ? Math.min(Number(text), MOST_SECONDS) * 1000 : 0);
