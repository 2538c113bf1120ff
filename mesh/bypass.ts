/** What a bypass takes out of a service's way, and what not even a bypass may. */
import type { Policy } from "./snapshot.ts";

/**
 * Kept is what decides who may call and what must not be done twice, and what makes the request the one that the service knows; the rest
 * are ways of dealing with load and failures. Every kind is here, so that a new one does not compile until it is said.
 */
const IS_KEPT: { readonly [K in Policy["kind"]]: boolean } = {
  telemetry: true,
  cors: true,
  authenticate: true,
  authorize: true,
  assert: true,
  idempotency: true,
  refuse: true,
  redirect: true,
  "request-headers": true,
  "response-headers": true,
  rewrite: true,
  session: true,
  "expose-endpoint": true,
  bypass: false,
  "low-priority": false,
  deadline: false,
  "request-limits": false,
  "rate-limit": false,
  "stale-serve": false,
  mirror: false,
  breaker: false,
  "endpoint-breaker": false,
  concurrency: false,
  "adaptive-concurrency": false,
  retry: false,
  hedge: false,
  balance: false,
  "fault-budget": false,
  fault: false,
  "try-timeout": false,
  "first-byte": false,
  "body-timeout": false,
};

export const isKept = ({ kind }: Policy): boolean => IS_KEPT[kind];

/** Whether the bypass holds at `now`, in milliseconds since 1970. Whoever has the snapshot knows: control need not be there to end it. */
export const holds = ({ until }: { readonly until: number }, now: number): boolean => now < until;
