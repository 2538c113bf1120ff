/** Whether this edge can carry out what a snapshot asks of it, layer by layer. */
import { isRecord } from "./canonical.ts";
import { check, isIndex, isPairs, isPositive, isTexts, type Raw } from "./check.ts";
import { type AuthorizationGroup, authorizer } from "./policies/authorize.ts";
import { type KeyPart, keyReader } from "./policies/rate-limit-key.ts";
import type { Policy } from "./snapshot.ts";
import { type Clause, fact } from "./policies/authorize-clause.ts";
import { quantityProblem } from "./policies/condition.ts";
import { logFilterProblem } from "./policies/log-filter.ts";

/** The layers as such. Throws an Error that names the one that is none. `backends` is how many there are to be named. */
export function checkLayers(layers: unknown, backends: number): readonly Policy[] {
  check(Array.isArray(layers), "layers");
  for (const layer of layers) {
    check(isRecord(layer) && isPolicyKind(layer.kind), "a layer's kind");
    check(LAYERS[layer.kind](layer, backends), `a layer of kind ${layer.kind}`);
  }
  return layers as readonly Policy[];
}

export const isPolicyKind = (kind: unknown): kind is Policy["kind"] =>
  typeof kind === "string" && Object.hasOwn(LAYERS, kind);

/** A layer that this edge does not know would be a policy that does not hold. */
const LAYERS: Readonly<Record<Policy["kind"], (layer: Raw, backends: number) => boolean>> = {
  telemetry: ({ tracing, accessLog }) =>
    (accessLog === undefined || isAccessLog(accessLog)) &&
    isRecord(tracing) &&
    (tracing.threshold === undefined ||
      (typeof tracing.threshold === "string" && /^[0-9a-f]{14}$/.test(tracing.threshold))) &&
    typeof tracing.keepErrors === "boolean" &&
    (tracing.keepSlowerMs === undefined || isPositive(tracing.keepSlowerMs)),
  bypass: ({ until }) => isPositive(until),
  "low-priority": () => true,
  deadline: ({ ms }) => isPositive(ms),
  "request-limits": ({ headers, headerBytes, urlBytes, bodyBytes, bodyIdleMs, bodyMs }) =>
    [headers, headerBytes, urlBytes, bodyIdleMs, bodyMs].every((one) => one === undefined || isPositive(one)) &&
    (bodyBytes === undefined || bodyBytes === 0 || isPositive(bodyBytes)),
  cors: ({ origins, methods, headers, expose, maxAgeSeconds }) =>
    [origins, methods, headers, expose].every(isTexts) && isPositive(maxAgeSeconds),
  authenticate: ({ required, providers }) =>
    typeof required === "boolean" && Array.isArray(providers) && providers.every(isProvider),
  assert: ({ trustDomain, service, sign }) =>
    typeof trustDomain === "string" && typeof service === "string" && (sign === undefined || sign === true),
  authorize: ({ groups, mirrors = [] }, backends) =>
    isAuthorization(groups) &&
    Array.isArray(mirrors) &&
    mirrors.every(
      (one) =>
        isRecord(one) && isIndex(one.backend, backends) && typeof one.name === "string" && isAuthorization(one.groups),
    ),
  "rate-limit": ({ limits }) => Array.isArray(limits) && limits.every(isLimit),
  idempotency: (layer) =>
    [layer.policy, layer.scope, layer.header, layer.onUnavailable].every((text) => typeof text === "string") &&
    [layer.methods, layer.caller].every(isTexts) &&
    Array.isArray(layer.unprocessed) &&
    [layer.shards, layer.executionMs, layer.retentionMs].every(isPositive) &&
    [layer.maxRequestBytes, layer.maxResponseBytes].every((bytes) => typeof bytes === "number") &&
    [layer.required, layer.repeatable].every((flag) => typeof flag === "boolean"),
  "stale-serve": ({ scope, maxStaleMs, maxBytes, collapse, callerHeaders }) =>
    [scope, collapse].every((text) => typeof text === "string") &&
    [maxStaleMs, maxBytes].every(isPositive) &&
    isTexts(callerHeaders),
  "request-headers": isHeaderChanges,
  "response-headers": isHeaderChanges,
  redirect: ({ status, path }) => isPositive(status) && (path === undefined || isPathChange(path)),
  rewrite: ({ path }) => path === undefined || isPathChange(path),
  refuse: ({ reason }) => typeof reason === "string",
  session: ({ scope, shares, carrier, absoluteMs, idleMs }, backends) =>
    typeof scope === "string" &&
    Array.isArray(shares) &&
    shares.every((index) => index === null || isIndex(index, backends)) &&
    isCarrier(carrier) &&
    [absoluteMs, idleMs].every((ms) => ms === undefined || isPositive(ms)),
  mirror: ({ backend, share, compare }, backends) =>
    isIndex(backend, backends) &&
    isPositive(share) &&
    (compare === undefined ||
      (isRecord(compare) &&
        typeof compare.rule === "string" &&
        [compare.headers, compare.ignore].every(isTexts) &&
        isPositive(compare.maxBytes))),
  "expose-endpoint": ({ backend }, backends) => isIndex(backend, backends),
  retry: isRetry,
  balance: ({ backend, group, strategy, panic, zones, slowStartMs, ejection }, backends) =>
    isIndex(backend, backends) &&
    typeof group === "string" &&
    isStrategy(strategy) &&
    [panic, slowStartMs].every((number) => number === 0 || isPositive(number)) &&
    typeof zones === "boolean" &&
    (ejection === undefined || isEjection(ejection)),
  "try-timeout": ({ ms }) => isPositive(ms),
  "first-byte": ({ ms }) => isPositive(ms),
  "body-timeout": ({ idleMs, ms }) => [idleMs, ms].every((one) => one === undefined || isPositive(one)),
  concurrency: ({ name, limit, longestCallMs, onUnavailable }) =>
    [name, onUnavailable].every((text) => typeof text === "string") && [limit, longestCallMs].every(isPositive),
  "adaptive-concurrency": ({ name, least, most, tolerance, measureEveryMs }) =>
    typeof name === "string" && [least, most, tolerance, measureEveryMs].every(isPositive),
  breaker: isBreaker,
  "endpoint-breaker": (layer, backends) => isIndex(layer.backend, backends) && isBreaker(layer),
  hedge: ({ scope, percentile, leastMs, share }) =>
    typeof scope === "string" && [percentile, leastMs, share].every(isPositive),
  fault: ({ until, headers, callers, delay, abort, reset, bandwidth, truncate }) =>
    isPositive(until) &&
    isPairs(headers) &&
    (callers === undefined || isTexts(callers)) &&
    [delay, abort, reset, bandwidth, truncate].every(
      (one) => one === undefined || (isRecord(one) && isPositive(one.share)),
    ),
  "fault-budget": isBreaker,
};

function isAccessLog(log: unknown): boolean {
  if (!isRecord(log)) return false;
  const { filter, shares, requestHeaders, responseHeaders, redact } = log;
  return (
    (filter === undefined || (typeof filter === "string" && logFilterProblem(filter) === undefined)) &&
    isRecord(shares) &&
    [shares.success, shares.clientError, shares.serverError].every((share) => typeof share === "number") &&
    [requestHeaders, responseHeaders, redact].every(isTexts)
  );
}

const isAuthorization = (groups: unknown): boolean =>
  isReadable(() => authorizer(groups as readonly AuthorizationGroup[]));

function isProvider(provider: unknown): boolean {
  if (!isRecord(provider)) return false;
  const { name, issuer, audiences, keys, from, claimHeaders, skewMs } = provider;
  return (
    typeof name === "string" &&
    typeof issuer === "string" &&
    isTexts(audiences) &&
    isRecord(keys) &&
    (keys.kind === "inline" ? isRecord(keys.jwks) && Array.isArray(keys.jwks.keys) : typeof keys.url === "string") &&
    Array.isArray(from) &&
    from.every(
      (place) =>
        isRecord(place) &&
        typeof place.name === "string" &&
        (place.kind !== "header" || typeof place.prefix === "string"),
    ) &&
    Array.isArray(claimHeaders) &&
    claimHeaders.every((one) => isRecord(one) && typeof one.header === "string" && typeof one.claim === "string") &&
    typeof skewMs === "number"
  );
}

function isRetry(retry: Raw): boolean {
  const { backend, codes, headers, failures, attempts, backoff, maxRetryAfterMs, largestBody, budget } = retry;
  return (
    typeof backend === "string" &&
    Array.isArray(codes) &&
    codes.every(isPositive) &&
    typeof retry.serverErrors === "boolean" &&
    Array.isArray(headers) &&
    headers.every((one) => isRecord(one) && typeof one.name === "string") &&
    isTexts(failures) &&
    isPositive(attempts) &&
    isRecord(backoff) &&
    [backoff.baseMs, backoff.maxMs].every(isPositive) &&
    [maxRetryAfterMs, largestBody].every((one) => typeof one === "number") &&
    isRecord(budget) &&
    [budget.percent, budget.perSecond].every((one) => typeof one === "number")
  );
}

function isBreaker({
  circuit,
  failures,
  failureRatio,
  windowMs,
  openMs,
  maxOpenMs,
  probes,
  rampMs,
  slow,
}: Raw): boolean {
  return (
    typeof circuit === "string" &&
    [failures, failureRatio, windowMs, openMs, maxOpenMs, probes].every(isPositive) &&
    (rampMs === undefined || isPositive(rampMs)) &&
    (slow === undefined || (isRecord(slow) && isPositive(slow.ms) && isPositive(slow.ratio)))
  );
}

function isCarrier(carrier: unknown): boolean {
  if (!isRecord(carrier)) return false;
  const { kind, name } = carrier;
  return (
    (kind === "cookie" && (name === undefined || typeof name === "string")) ||
    (kind === "header" && typeof name === "string")
  );
}

/** Strategies that have nothing but a name; `hash` has a key. */
const STRATEGIES = new Set(["round-robin", "random", "least-request", "peak-ewma"]);

function isStrategy(strategy: unknown): boolean {
  if (!isRecord(strategy)) return false;
  const { kind, key, bound } = strategy;
  if (kind !== "hash") return STRATEGIES.has(String(kind));
  return isRecord(key) && typeof key.kind === "string" && (bound === undefined || isPositive(bound));
}

const isEjection = (ejection: unknown): boolean =>
  isRecord(ejection) &&
  [ejection.failures, ejection.ejectMs, ejection.maxEjectMs, ejection.maxEjected].every(isPositive) &&
  (ejection.successRate === undefined || isSuccessRate(ejection.successRate));

const isSuccessRate = (rate: unknown): boolean =>
  isRecord(rate) && [rate.intervalMs, rate.leastEndpoints, rate.leastCalls, rate.deviations].every(isPositive);

function isLimit(limit: unknown): boolean {
  return (
    isRecord(limit) &&
    typeof limit.name === "string" &&
    Array.isArray(limit.key) &&
    limit.key.every((part) => isReadable(() => keyReader(part as KeyPart))) &&
    [limit.requests, limit.windowMs, limit.burst].every(isPositive) &&
    (limit.credit === undefined || isPositive(limit.credit)) &&
    (limit.cost === undefined || isCost(limit.cost)) &&
    (limit.exempt === undefined || isExemption(limit.exempt)) &&
    typeof limit.onUnavailable === "string"
  );
}

const isCost = (cost: unknown): boolean =>
  isRecord(cost) &&
  (cost.kind === "bytes" ||
    (cost.kind === "expression" && typeof cost.text === "string" && quantityProblem(cost.text) === undefined));

const isExemption = (clauses: unknown): boolean =>
  Array.isArray(clauses) &&
  clauses.every((clause) => isReadable(() => fact(clause as Clause, { action: "ALLOW", trustedProxies: 0 })));

/** Making it ready is what finds what this edge could not go by. */
function isReadable(makeReady: () => unknown): boolean {
  try {
    makeReady();
    return true;
  } catch {
    return false;
  }
}

function isHeaderChanges({ set, add, remove }: Raw): boolean {
  return isPairs(set) && isPairs(add) && isTexts(remove);
}

const isPathChange = (path: unknown): boolean =>
  isRecord(path) && (path.kind === "full" || path.kind === "prefix") && typeof path.to === "string";
