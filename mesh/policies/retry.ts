/** Whether a try that came to nothing is made again, and after how long. docs/decisions/012-retries.md says why so few are. */
import type { Denial } from "../denial.ts";

/**
 * How a try failed, by what is known of it. `never-sent`: the platform itself says that it did not reach the upstream. `refused`: the
 * answer's status means that nothing was done. `reset`: no connection, or one that broke: this runtime does not tell the two
 * apart, so that the request may have been carried out. `timeout`: it may yet be. `status`: an answer like any other.
 */
export type Failure = "never-sent" | "refused" | "reset" | "timeout" | "status";

export type Retry = {
  /** Statuses of an answer that are worth another try; `serverErrors` stands for all from 500 up. */
  readonly codes: readonly number[];
  readonly serverErrors: boolean;
  /** Headers of an answer that make it worth one, by name and, if given, value. */
  readonly headers: readonly { readonly name: string; readonly value?: string }[];
  /** Ways of failing, other than by an answer, that are worth one. */
  readonly failures: readonly Exclude<Failure, "status">[];
  /** How many tries there may be after the first; at least 1. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** A longer Retry-After than this many milliseconds is not waited for: the answer is passed on. */
  readonly maxRetryAfterMs: number;
  /** In bytes; a request with a larger body, or one of unknown length, is sent once. */
  readonly largestBody: number;
  readonly budget: RetryBudget;
};

/** In milliseconds. The wait before the n-th retry is at most, or with `least` at least, the base doubled n - 1 times, up to `maxMs`. */
export type Backoff = { readonly baseMs: number; readonly maxMs: number; readonly least: boolean };

/** How many retries an isolate may make of a backend's calls: see retry-budget.ts. */
export type RetryBudget = { readonly percent: number; readonly perSecond: number };

/** What a try came to: an answer, or a denial in its place. */
export type Tried =
  | { readonly status: number; readonly header: (name: string) => string | null }
  | { readonly denial: Denial };

/** Methods that mean the same once or twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

/**
 * RFC 9110 §15.5.20 (Misdirected Request) and RFC 8470 §5.2 (Too Early): the server did not carry the request out, and it may be sent
 * again whatever its method.
 */
const REFUSALS: ReadonlySet<number> = new Set([421, 425]);

/**
 * What Cloudflare answers in the place of an upstream. It could not connect (521), found no way or no name (523), or did not
 * complete TLS (525, 526): nothing was sent. All others may have happened to a request that arrived.
 */
const PLATFORM: Readonly<Record<number, Failure>> = {
  520: "reset",
  521: "never-sent",
  522: "timeout",
  523: "never-sent",
  524: "timeout",
  525: "never-sent",
  526: "never-sent",
  530: "reset",
};

/** Any other denial is the mesh's own doing. */
const FAILED: Partial<Record<Denial["cause"], Failure>> = {
  "upstream-unreachable": "reset",
  "upstream-invalid": "reset",
  "deadline-exceeded": "timeout",
};

/** How the try failed; `status` too for an answer that is no failure at all. Undefined for what the mesh itself decided. */
export function failureOf(tried: Tried): Failure | undefined {
  if ("status" in tried) {
    if (REFUSALS.has(tried.status)) return "refused";
    // A service of one's own may use these numbers for something else; the platform signs its answers.
    const platform = PLATFORM[tried.status];
    return platform !== undefined && tried.header("server") === "cloudflare" ? platform : "status";
  }
  return FAILED[tried.denial.cause];
}

/** True if the policy wants another try after this one. */
export function isWorthATry(policy: Retry, tried: Tried, failure: Failure | undefined): boolean {
  if (failure === undefined) return false;
  if (failure !== "status" && policy.failures.includes(failure)) return true;
  if (!("status" in tried)) return false;
  const { status, header } = tried;
  return (
    policy.codes.includes(status) ||
    (policy.serverErrors && status >= 500) ||
    policy.headers.some(({ name, value }) => {
      const found = header(name);
      return found !== null && (value === undefined || found === value);
    })
  );
}

/**
 * True if sending the request once more cannot carry it out twice: it means the same twice, it provably was not carried out, or
 * an idempotency key that the mesh enforces covers it.
 */
export const mayRepeat = (method: string, covered: boolean, failure: Failure): boolean =>
  covered || failure === "never-sent" || failure === "refused" || isIdempotent(method);

/**
 * How many milliseconds to wait before the next try; `retries` were made already. `random` is 0 up to, not including, 1: callers that failed
 * together must not come back together. A Retry-After is the least wait, whatever the backoff says, with up to half as much again.
 */
export function waitBefore(backoff: Backoff, retries: number, random: number, retryAfterMs = 0): number {
  const wait = backoff.least ? grown(backoff, retries) * (1 + random / 2) : grown(backoff, retries) * random;
  return Math.max(wait, retryAfterMs * (1 + random / 2));
}

/** In milliseconds: what the wait cannot be shorter than. */
export const leastWait = ({ backoff }: Retry, retries: number): number => (backoff.least ? grown(backoff, retries) : 0);

const grown = ({ baseMs, maxMs }: Backoff, retries: number): number =>
  Math.min(baseMs * 2 ** Math.min(retries, 52), maxMs);

/** A Retry-After that is longer is taken for a mistake, as Envoy does. Milliseconds. */
export const LONGEST_HOLD_MS = 300_000;

/** Milliseconds of a Retry-After (RFC 9110 §10.2.3), from `now`; undefined when there is none that can be read. */
export function retryAfterMs(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
