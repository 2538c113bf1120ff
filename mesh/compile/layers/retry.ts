import type { Retry } from "../../policies/retry.ts";
import type { RouteRule } from "../../resources/http-route.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { RETRY_CONDITIONS, RetrySection } from "../../resources/traffic/retry.ts";
import type { Policy } from "../../snapshot.ts";
import type { Model } from "../model.ts";
import type { Policies, Target } from "../policies.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/** A policy's `retry`, or a rule's own (GEP-1731), or both: then what the rule says goes before, and the codes of both count. */
export function retryLayer(
  policies: Policies,
  rule: RouteRule | undefined,
  targets: readonly Target[],
  backend: string,
): Policy[] {
  const section = policies.section(targets, "retry")?.value;
  const own = rule?.retry;
  if (!section && !own) return [];
  const bySection = section ? ofSection(section) : BY_RULE_ALONE;
  const merged: Retry = own
    ? {
        ...bySection,
        failures: BY_RULE_ALONE.failures,
        codes: [...new Set([...bySection.codes, ...(own.codes ?? [])])],
        attempts: own.attempts ?? bySection.attempts,
        backoff: own.backoff === undefined ? bySection.backoff : leastBackoff(milliseconds(own.backoff)),
      }
    : bySection;
  return merged.attempts > 0 ? [{ kind: "retry", backend, ...merged }] : [];
}

/** Without a number of attempts, a rule's `retry` means one more. Its budget is what Gateway API's own has by default: it names none. */
const BY_RULE_ALONE: Retry = {
  codes: [],
  serverErrors: false,
  headers: [],
  failures: ["never-sent", "reset", "timeout"],
  attempts: 1,
  backoff: { baseMs: 25, maxMs: 250, least: false },
  maxRetryAfterMs: 5000,
  largestBody: 64 * 1024,
  budget: { percent: 20, perSecond: 10 },
};

/** A backoff that a rule asks for is the least wait before a retry. */
function leastBackoff(ms: number): Retry["backoff"] {
  const baseMs = Math.min(ms, LONGEST_TIMER_MS / 15);
  return baseMs === 0 ? BY_RULE_ALONE.backoff : { baseMs, maxMs: 10 * baseMs, least: true };
}

function ofSection(section: RetrySection): Retry {
  const met = section.on.map((condition) => CONDITIONS[condition]);
  const { base, max } = section.backoff;
  return {
    codes: [...new Set([...met.flatMap(({ codes = [] }) => codes), ...(section.codes ?? [])])],
    serverErrors: section.on.includes("5xx"),
    headers: [
      ...met.flatMap(({ headers = [] }) => headers),
      ...(section.headers ?? []).map(({ name, value }) => ({
        name: name.toLowerCase(),
        ...(value !== undefined && { value }),
      })),
    ],
    failures: [...new Set(met.flatMap(({ failures = [] }) => failures))],
    attempts: section.attempts,
    backoff: { baseMs: milliseconds(base), maxMs: milliseconds(max), least: false },
    maxRetryAfterMs: milliseconds(section.maxRetryAfter),
    largestBody: section.maxBodyBytes,
    budget: { percent: section.budget.percent, perSecond: section.budget.minPerSecond },
  };
}

type Condition = Partial<Pick<Retry, "codes" | "failures" | "headers">> & {
  /** Why it does not mean here all that it means to Envoy. */
  readonly differs?: string;
};

const NO_ANSWER = { failures: ["never-sent", "reset", "timeout"] } as const;
const grpc = (status: number): Condition => ({
  headers: [{ name: "grpc-status", value: String(status) }],
  differs: "gRPC's status is seen where it is a header: the runtime has no trailers",
});
const UNTOLD =
  "the runtime does not tell a connection that was never made from one that broke: both count, of requests that may be sent twice";

/** What each of Envoy's conditions comes to where fetch says little. */
const CONDITIONS: Readonly<Record<(typeof RETRY_CONDITIONS)[number], Condition>> = {
  "5xx": NO_ANSWER,
  "gateway-error": { ...NO_ANSWER, codes: [502, 503, 504] },
  reset: NO_ANSWER,
  "reset-before-request": { failures: ["never-sent", "reset"], differs: UNTOLD },
  "connect-failure": { failures: ["never-sent", "reset"], differs: UNTOLD },
  "refused-stream": {
    failures: ["refused"],
    differs: "the runtime does not show HTTP/2's resets: the answers 421 and 425, which mean the same, are what counts",
  },
  "envoy-ratelimited": { headers: [{ name: "x-envoy-ratelimited" }] },
  "retriable-4xx": { codes: [409] },
  "retriable-status-codes": {},
  "retriable-headers": {},
  "http3-post-connect-failure": { differs: "the runtime calls no upstream over HTTP/3: it never comes to pass" },
  cancelled: grpc(1),
  "deadline-exceeded": grpc(4),
  internal: grpc(13),
  "resource-exhausted": grpc(8),
  unavailable: grpc(14),
};

/** Says of each policy which of its conditions do not mean here what they mean elsewhere. */
export function reportConditions(model: Model): void {
  for (const policy of model.all("TrafficPolicy"))
    policy.spec.retry?.on.forEach((condition, index) => {
      const { differs } = CONDITIONS[condition];
      if (differs !== undefined)
        model.warn(policy, "not-carried", `spec.retry.on[${index}]`, `${condition}: ${differs}`);
    });
}
