/**
 * How many retries a backend's calls may cost it: a bucket in each isolate, filled by calls that succeed and, if the policy says so, by time.
 * When every call fails, nothing fills it. A new isolate's bucket is not full: a fleet of cold ones must not add up to a flood.
 * Source: gRFC A6, "Throttling Retry Attempts and Hedged RPCs", with the share as Gateway API's retry budget gives it.
 */
import type { RetryBudget } from "./retry.ts";

export type Tokens = { readonly tokens: number; /** Milliseconds since 1970. */ readonly at: number };

const FIRST_TOKENS = 2;
const MOST_TOKENS = 10;

const most = ({ perSecond }: RetryBudget): number => Math.max(MOST_TOKENS, perSecond);

/** Of an isolate that has not called the backend yet. */
export const firstTokens = ({ perSecond }: RetryBudget, now: number): Tokens => ({
  tokens: Math.max(FIRST_TOKENS, perSecond),
  at: now,
});

/** A call succeeded. */
export const earn = (held: Tokens, budget: RetryBudget): Tokens =>
  held.tokens >= most(budget)
    ? held
    : { tokens: Math.min(most(budget), held.tokens + budget.percent / 100), at: held.at };

/** Takes the token for one retry; undefined when there is none. */
export function spend(held: Tokens, budget: RetryBudget, now: number): Tokens | undefined {
  const tokens = Math.min(most(budget), held.tokens + (budget.perSecond * Math.max(0, now - held.at)) / 1000);
  return tokens < 1 ? undefined : { tokens: tokens - 1, at: now };
}
