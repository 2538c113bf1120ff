import { type Broken, idempotencyPolicy, rateLimitPolicy, trafficPolicy } from "./broken.ts";

const TARGET = 'targetRefs: [{group: "", kind: Service, name: a}]';
const traffic = (text: string) => trafficPolicy(`{${TARGET}, ${text}}`);
const limit = (text: string) => rateLimitPolicy(`{${TARGET}, limits: [${text}]}`);
const idempotency = (text: string) => idempotencyPolicy(`{${TARGET}, ${text}}`);
const L = "invalid-value spec.limits[0]";

export const policies: readonly Broken[] = [
  ["a policy without targets", trafficPolicy("{}").replace("spec", "‸spec"), "invalid-value spec.targetRefs"],
  ["a policy with no target", trafficPolicy("{‸targetRefs: []}"), "invalid-value spec.targetRefs"],
  [
    "a target without group",
    trafficPolicy("{targetRefs: [‸{kind: Service, name: a}]}"),
    "invalid-value spec.targetRefs[0].group",
  ],
  [
    "a target by its singular name",
    trafficPolicy('{‸targetRef: {group: "", kind: Service, name: a}}').replace("spec", "‸spec"),
    "invalid-value spec.targetRefs",
    "unknown-key spec.targetRef",
  ],
  ["a section that TrafficPolicy has not", traffic("‸breakers: {}"), "unknown-key spec.breakers"],
  ["a misspelt key of a breaker", traffic("breaker: {‸failure: 5}"), "unknown-key spec.breaker.failure"],
  ["a concurrency without a limit", traffic("‸concurrency: {}"), "invalid-value spec.concurrency.limit"],
  ["a concurrency of none", traffic("concurrency: {‸limit: 0}"), "invalid-value spec.concurrency.limit"],
  [
    "a call of a day",
    traffic("concurrency: {limit: 1, ‸longestCall: 24h}"),
    "invalid-value spec.concurrency.longestCall",
  ],
  ["a breaker that opens at no failure", traffic("breaker: {‸failures: 0}"), "invalid-value spec.breaker.failures"],
  ["a breaker's ratio above one", traffic("breaker: {‸failureRatio: 1.5}"), "invalid-value spec.breaker.failureRatio"],
  ["a breaker's ratio of nothing", traffic("breaker: {‸failureRatio: 0}"), "invalid-value spec.breaker.failureRatio"],
  ["a breaker's window of no time", traffic("breaker: {‸window: 0s}"), "invalid-value spec.breaker.window"],
  ["a breaker that opens for no time", traffic("breaker: {‸openFor: 0ms}"), "invalid-value spec.breaker.openFor"],
  [
    "a breaker whose longest opening is the shorter",
    traffic("breaker: {openFor: 10s, ‸maxOpenFor: 5s}"),
    "invalid-value spec.breaker.maxOpenFor",
  ],
  [
    "a breaker that opens for longer than the default allows",
    traffic("‸breaker: {openFor: 1m}"),
    "invalid-value spec.breaker.maxOpenFor",
  ],
  ["a breaker without probes", traffic("breaker: {‸probes: 0}"), "invalid-value spec.breaker.probes"],
  ["a timeout that TrafficPolicy has not", traffic("timeouts: {‸connect: 1s}"), "unknown-key spec.timeouts.connect"],
  [
    "a try that may take longer than the request",
    traffic("timeouts: {request: 1s, ‸try: 2s}"),
    "invalid-value spec.timeouts.try",
  ],
  ["a fault that never ends", traffic("‸fault: {reset: {percent: 1}}"), "invalid-value spec.fault.expires"],
  [
    "a fault that ends some day",
    traffic("fault: {‸expires: tomorrow, reset: {percent: 1}}"),
    "invalid-value spec.fault.expires",
  ],
  ["a fault that does nothing", traffic("‸fault: {expires: '2026-12-01T18:00:00Z'}"), "invalid-value spec.fault.abort"],
  [
    "a fault by a caller that is no identity",
    traffic("fault: {expires: '2026-12-01T18:00:00Z', reset: {percent: 1}, match: {callers: [‸cart]}}"),
    "invalid-value spec.fault.match.callers[0]",
  ],
  ["a hedge of what has permits", traffic("‸hedge: {}, concurrency: {limit: 5}"), "invalid-value spec.hedge"],
  ["a hedge for most requests", traffic("hedge: {‸percentile: 10}"), "invalid-value spec.hedge.percentile"],
  ["a retry on nothing", traffic("retry: {‸on: []}"), "invalid-value spec.retry.on"],
  ["a retry on a condition that there is not", traffic('retry: {on: [‸"6xx"]}'), "invalid-value spec.retry.on[0]"],
  [
    "a retry on codes that are not given",
    traffic("‸retry: {on: [retriable-status-codes]}"),
    "invalid-value spec.retry.codes",
  ],
  ["codes that no condition uses", traffic("retry: {‸codes: [503]}"), "invalid-value spec.retry.codes"],
  ["more retries than a tree has", traffic("retry: {‸attempts: 11}"), "invalid-value spec.retry.attempts"],
  [
    "a backoff whose longest wait is the shorter",
    traffic("retry: {backoff: {base: 1s, ‸max: 500ms}}"),
    "invalid-value spec.retry.backoff.max",
  ],
  [
    "a retry budget of more than all",
    traffic("retry: {budget: {‸percent: 101}}"),
    "invalid-value spec.retry.budget.percent",
  ],
  ["a policy without limits", rateLimitPolicy(`{${TARGET}, ‸limits: []}`), "invalid-value spec.limits"],
  ["a limit without name and number", limit("‸{}"), `${L}.name`, `${L}.requests`],
  ["a limit of no requests", limit("{name: a, ‸requests: 0}"), `${L}.requests`],
  ["a limit of endless requests", limit("{name: a, ‸requests: .inf}"), `${L}.requests`],
  ["a limit's window of no time", limit("{name: a, requests: 1, ‸window: 0s}"), `${L}.window`],
  ["a limit's burst of nothing", limit("{name: a, requests: 1, ‸burst: 0}"), `${L}.burst`],
  [
    "two limits of one name",
    limit("{name: a, requests: 1}, {‸name: a, requests: 2}"),
    "invalid-value spec.limits[1].name",
  ],
  ["a key of unknown type", limit("{name: a, requests: 1, key: [{‸type: Mood}]}"), `${L}.key[0].type`],
  [
    "a network of no address",
    limit("{name: a, requests: 1, key: [{type: ClientAddress, ‸v6Prefix: 129}]}"),
    `${L}.key[0].v6Prefix`,
  ],
  [
    "a template that is none",
    limit("{name: a, requests: 1, key: [{type: Path, templates: [/a, ‸users]}]}"),
    `${L}.key[0].templates[1]`,
  ],
  ["a key by header that names none", limit("{name: a, requests: 1, key: [‸{type: Header}]}"), `${L}.key[0].name`],
  [
    "a key by address that names a header",
    limit("{name: a, requests: 1, key: [{type: ClientAddress, ‸name: x}]}"),
    "unknown-key spec.limits[0].key[0].name",
  ],
  [
    "a limit by path, which there is not",
    limit("{name: a, requests: 1, ‸path: /a}"),
    "unknown-key spec.limits[0].path",
  ],
  [
    "an unknown fallback",
    rateLimitPolicy(`{${TARGET}, ‸onUnavailable: panic, limits: [{name: a, requests: 1}]}`),
    "invalid-value spec.onUnavailable",
  ],
  ["an idempotency of no mode", idempotency("‸mode: required"), "invalid-value spec.mode"],
  ["a key in no header", idempotency("‸header: a b"), "invalid-value spec.header"],
  ["keys of a method that is safe", idempotency("methods: [‸GET]"), "invalid-value spec.methods[0]"],
  ["keys of no method", idempotency("‸methods: []"), "invalid-value spec.methods"],
  ["an answer of success that is none", idempotency("unprocessed: [‸200]"), "invalid-value spec.unprocessed[0]"],
  ["keys that are soon forgotten", idempotency("‸retention: 299s"), "invalid-value spec.retention"],
  ["keys that are never forgotten", idempotency("‸retention: 721h"), "invalid-value spec.retention"],
  ["an execution of no time", idempotency("‸executionTimeout: 0s"), "invalid-value spec.executionTimeout"],
  ["a body that no message carries", idempotency("‸maxResponse: 33554432"), "invalid-value spec.maxResponse"],
  ["no shard", idempotency("‸shards: 0"), "invalid-value spec.shards"],
  ["a share of a key", idempotency("‸onUnavailable: share"), "invalid-value spec.onUnavailable"],
  ["a misspelt mode", idempotency("‸modes: Required"), "unknown-key spec.modes"],
];
