/** Whether a try that came to nothing is made again (GEP-1731), and after how long. docs/decisions/012-retries.md says why so few are. */
import type { Cause } from "../denial.ts";

export type Retry = {
  /** Statuses of a response that are worth another try. */
  readonly codes: readonly number[];
  /** How many tries there may be after the first; at least 1. */
  readonly attempts: number;
  /** The least wait before the first of them, in milliseconds; without it, waits are short and may be none. */
  readonly backoffMs?: number;
};

/** What a try came to: a response, or a denial in its place. */
export type Try = { readonly status: number } | { readonly cause: Cause };

/**
 * Methods that mean the same once or twice (RFC 9110 §9.2.2). The runtime does not tell a connection that was never made from
 * one that broke under a request, so that any other method might have been carried out.
 */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export const isRepeatable = (method: string): boolean => IDEMPOTENT.has(method);

/** No answer, a broken one, or none in the time of one try. */
const FAILED: ReadonlySet<Cause> = new Set(["upstream-unreachable", "upstream-invalid", "deadline-exceeded"]);

const DEFAULT_BACKOFF_MS = 25;
/** Waits double up to this many times the first. */
const MOST_BACKOFFS = 10;

/**
 * How many milliseconds to wait before the next try, or undefined if there is none: `retries` of them were made already.
 * `random` is 0 up to, not including, 1: callers that failed together must not come back together.
 */
export function retryWait(policy: Retry, retries: number, last: Try, random: number): number | undefined {
  if (retries >= policy.attempts) return undefined;
  const failed = "status" in last ? policy.codes.includes(last.status) : FAILED.has(last.cause);
  if (!failed) return undefined;
  return policy.backoffMs === undefined
    ? DEFAULT_BACKOFF_MS * growthOf(retries) * random
    : leastWait(policy, retries) * (1 + random / 2);
}

/** In milliseconds. A backoff that was asked for is the least wait; of the default it is the most. */
export const leastWait = ({ backoffMs = 0 }: Retry, retries: number): number => backoffMs * growthOf(retries);

const growthOf = (retries: number): number => Math.min(2 ** retries, MOST_BACKOFFS);
