/**
 * The order of layers, outermost first, and why each stands where it does. The edge builds stacks in exactly this order.
 *
 * | layer | why here |
 * | --- | --- |
 * | telemetry | is about the whole request |
 * | bypass | decides what of all below it holds |
 * | low-priority | makes room before anything is done |
 * | deadline | bounds everything below it, waiting included |
 * | request-limits | refuses what is too large before anything reads it; the deadline bounds it too |
 * | cors | answers preflights, which bear no credentials and come from the browser: no limit is spent on them |
 * | authenticate | before whatever asks who calls |
 * | authorize | sees the request as it was routed, before anything is spent on it or changed in it |
 * | rate-limit | refuses before any work is done, and before a breaker could count the refusal |
 * | idempotency | after limits, which a refusal must not have begun; before all that works on a request, so that a replay does none of it again |
 * | stale-serve | after all that asks who calls and whether it may; before all that works on a request, so that an answer that is kept is one as the filters left it |
 * | refuse, redirect | answer without a backend; after limits, so that they cannot be had for free |
 * | response-headers | sees every answer that a backend gave |
 * | request-headers, rewrite | once a request, not once a try |
 * | mirror | copies the request as the filters left it, and outside the breaker: the mirror has no part in its verdict |
 * | session | just outside the draw of a backend, which it may forestall |
 * | body-timeout | watches over the body of whichever try is passed on |
 * | expose-endpoint | above all that can answer in an endpoint's place |
 * | assert | once a call, of what the filters left; it says nothing that a try could change |
 * | fault-budget | sees what the tries could not mend |
 * | breaker | outside the tries: one call, one verdict |
 * | concurrency | inside the breaker, which its refusals say nothing to; outside the tries: one call, one permit |
 * | retry | beneath everything that is done once a call; a try is an endpoint, a time and a fetch |
 * | hedge | a try may be two, and is one to what stands above |
 * | adaptive-concurrency | beneath the tries and their copies: each is a call to the backend, and its time is its own |
 * | balance | beneath the tries, so that each is drawn an endpoint of its own |
 * | endpoint-breaker | beneath the draw of an endpoint: where it refuses, another is drawn |
 * | try-timeout, first-byte | bound one try: what came too late can still be tried again |
 * | fault | beneath all that deals with failures, so that they meet it |
 */
import type { Policy } from "../snapshot.ts";

const ORDER: readonly Policy["kind"][] = [
  "telemetry",
  "bypass",
  "low-priority",
  "deadline",
  "request-limits",
  "cors",
  "authenticate",
  "authorize",
  "rate-limit",
  "idempotency",
  "stale-serve",
  "refuse",
  "redirect",
  "response-headers",
  "request-headers",
  "rewrite",
  "mirror",
  "session",
  "body-timeout",
  "expose-endpoint",
  "assert",
  "fault-budget",
  "breaker",
  "concurrency",
  "retry",
  "hedge",
  "adaptive-concurrency",
  "balance",
  "endpoint-breaker",
  "try-timeout",
  "first-byte",
  "fault",
];

export const inOrder = (layers: readonly Policy[]): Policy[] =>
  layers.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
