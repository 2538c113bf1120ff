import { expect, it } from "vitest";
import { checkLayers } from "../../mesh/policy-check.ts";
import { renumbered } from "../../mesh/renumber.ts";
import type { Policy } from "../../mesh/snapshot.ts";

const breaker = { circuit: "c", failures: 5, failureRatio: 0.5, windowMs: 1, openMs: 1, maxOpenMs: 1, probes: 1 };
const headers = { set: [], add: [], remove: ["a"] };

/** One of every kind; those that name backends by index name 1, and 2 where they name several. */
const ONE_OF_EACH: { readonly [K in Policy["kind"]]: Extract<Policy, { readonly kind: K }> } = {
  telemetry: { kind: "telemetry", tracing: { keepErrors: true } },
  deadline: { kind: "deadline", ms: 1 },
  cors: { kind: "cors", origins: ["*"], credentials: false, methods: [], headers: [], expose: [], maxAgeSeconds: 5 },
  authenticate: { kind: "authenticate", required: true, providers: [] },
  assert: { kind: "assert", trustDomain: "mesh", service: "a.b" },
  authorize: { kind: "authorize", groups: [], mirrors: [{ backend: 1, name: "m", groups: [] }] },
  "low-priority": { kind: "low-priority" },
  "request-limits": { kind: "request-limits", headers: 10 },
  "rate-limit": { kind: "rate-limit", limits: [] },
  idempotency: {
    kind: "idempotency",
    policy: "a/b",
    shards: 1,
    scope: "s",
    header: "idempotency-key",
    required: false,
    methods: ["POST"],
    caller: [],
    unprocessed: [],
    repeatable: false,
    executionMs: 1,
    retentionMs: 1,
    maxRequestBytes: 1,
    maxResponseBytes: 1,
    onUnavailable: "deny",
  },
  "stale-serve": {
    kind: "stale-serve",
    scope: "s",
    maxStaleMs: 1,
    maxBytes: 1,
    collapse: "failing",
    callerHeaders: ["cookie"],
  },
  "request-headers": { kind: "request-headers", ...headers },
  "response-headers": { kind: "response-headers", ...headers },
  redirect: { kind: "redirect", status: 302 },
  rewrite: { kind: "rewrite", hostname: "a" },
  refuse: { kind: "refuse", reason: "r" },
  session: { kind: "session", scope: "s", shares: [1, null, 2], carrier: { kind: "cookie", permanent: false } },
  mirror: {
    kind: "mirror",
    backend: 1,
    share: 1,
    compare: { rule: "r", headers: ["a"], ignore: ["/a"], maxBytes: 1 },
  },
  "expose-endpoint": { kind: "expose-endpoint", backend: 1 },
  breaker: { kind: "breaker", ...breaker },
  "endpoint-breaker": { kind: "endpoint-breaker", backend: 1, ...breaker },
  concurrency: { kind: "concurrency", name: "n", limit: 1, longestCallMs: 1, onUnavailable: "deny" },
  "adaptive-concurrency": {
    kind: "adaptive-concurrency",
    name: "n",
    least: 3,
    most: 9,
    tolerance: 1.25,
    measureEveryMs: 30_000,
  },
  retry: {
    kind: "retry",
    backend: "b",
    codes: [],
    serverErrors: false,
    headers: [],
    failures: [],
    attempts: 1,
    backoff: { baseMs: 1, maxMs: 1, least: false },
    maxRetryAfterMs: 0,
    largestBody: 0,
    budget: { percent: 0, perSecond: 0 },
  },
  hedge: { kind: "hedge", scope: "s", percentile: 0.9, leastMs: 1, share: 0.1 },
  "fault-budget": { kind: "fault-budget", ...breaker },
  fault: { kind: "fault", until: 1, headers: [] },
  balance: {
    kind: "balance",
    backend: 1,
    group: "g",
    strategy: { kind: "random" },
    panic: 0,
    zones: false,
    slowStartMs: 0,
  },
  bypass: { kind: "bypass", until: 1 },
  "try-timeout": { kind: "try-timeout", ms: 1 },
  "first-byte": { kind: "first-byte", ms: 1 },
  "body-timeout": { kind: "body-timeout", ms: 1 },
};

/** Backends that the check of a policy finds named: the number of backends from which on it is sound, 0 where it names none. */
function needed(policy: Policy): number {
  for (let backends = 0; backends <= 20; backends++)
    try {
      checkLayers([policy], backends);
      return backends;
    } catch {
      continue;
    }
  throw new Error(`a layer of kind ${policy.kind} is not sound`);
}

it.each(Object.values(ONE_OF_EACH))("a policy of kind $kind names other backends, and the old ones again", (policy) => {
  const there = renumbered(policy, (backend) => backend + 7);
  const before = needed(policy);
  expect(needed(there)).toBe(before === 0 ? 0 : before + 7);
  expect(renumbered(there, (backend) => backend - 7)).toEqual(policy);
});
