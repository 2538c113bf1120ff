/** Indices of backends that stand in policies, given anew where a list of backends is cut up or put together. */
import type { Policy } from "./snapshot.ts";

type To = (backend: number) => number;
type Of<K extends Policy["kind"]> = Extract<Policy, { readonly kind: K }>;
type Renumber<P extends Policy> = (policy: P, to: To) => P;

/** A policy that names no backend by index. One whose `backend` is a number does not compile as such. */
const asItIs = <P extends Policy>(policy: P & { readonly backend?: string }): P => policy;
const one = <P extends Policy & { readonly backend: number }>(policy: P, to: To): P => ({
  ...policy,
  backend: to(policy.backend),
});

/** Every kind is here, so that a new one does not compile until it is said whether it names backends by index. */
const RENUMBER: { readonly [K in Policy["kind"]]: Renumber<Of<K>> } = {
  telemetry: asItIs,
  bypass: asItIs,
  deadline: asItIs,
  cors: asItIs,
  authenticate: asItIs,
  assert: asItIs,
  authorize: ({ mirrors, ...policy }, to) => ({
    ...policy,
    ...(mirrors && { mirrors: mirrors.map((mirror) => ({ ...mirror, backend: to(mirror.backend) })) }),
  }),
  "low-priority": asItIs,
  "request-limits": asItIs,
  "rate-limit": asItIs,
  idempotency: asItIs,
  "stale-serve": asItIs,
  "request-headers": asItIs,
  "response-headers": asItIs,
  redirect: asItIs,
  rewrite: asItIs,
  refuse: asItIs,
  session: (policy, to) => ({
    ...policy,
    shares: policy.shares.map((backend) => (backend === null ? null : to(backend))),
  }),
  mirror: one,
  "expose-endpoint": one,
  breaker: asItIs,
  "endpoint-breaker": one,
  concurrency: asItIs,
  "adaptive-concurrency": asItIs,
  retry: asItIs,
  hedge: asItIs,
  "fault-budget": asItIs,
  fault: asItIs,
  balance: one,
  "try-timeout": asItIs,
  "first-byte": asItIs,
  "body-timeout": asItIs,
};

/** The policy with each backend it names by index under its new one. */
export function renumbered<P extends Policy>(policy: P, to: To): P {
  // The record pairs each kind with its own function, which an index by a union does not show.
  return (RENUMBER[policy.kind] as Renumber<Policy>)(policy, to) as P;
}
