import { circuitsOf } from "../../../mesh/circuits.ts";
import { describe, expect, it } from "vitest";
import type { Compiled } from "../../../mesh/compile/compile.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import {
  backend,
  compiled,
  front,
  GATEWAY_API,
  idempotencyPolicy,
  rateLimitPolicy,
  route,
  SELVEDGE_API,
  service,
  to,
  trafficPolicy,
} from "../../support/resources.ts";

const TARGETS = {
  gateway: { group: GATEWAY_API, kind: "Gateway", name: "front" },
  listener: { group: GATEWAY_API, kind: "Gateway", name: "front", sectionName: "http" },
  route: { group: GATEWAY_API, kind: "HTTPRoute", name: "shop" },
  rule: { group: GATEWAY_API, kind: "HTTPRoute", name: "shop", sectionName: "cart" },
  backend: { group: SELVEDGE_API, kind: "Backend", name: "b" },
  service: { group: "", kind: "Service", name: "s" },
} as const;
type TargetName = keyof typeof TARGETS;

const shop = route("shop", {
  parentRefs: [{ name: "front" }],
  rules: [
    { name: "cart", matches: [{ path: { value: "/cart" } }], backendRefs: [to("b"), { name: "s", port: 80 }] },
    { name: "rest", backendRefs: [to("b")] },
  ],
});
const world = [front(), backend("b"), service("s", { ports: [{ port: 80 }] }), shop];

const rule = ({ snapshot }: Compiled, name = "cart") => {
  const found = snapshot.rules.find((one) => one.route === "default/shop" && one.rule === name);
  if (!found) throw new Error(`no rule ${name}`);
  return found;
};
const layer = <K extends Policy["kind"]>(layers: readonly Policy[] | undefined, kind: K) =>
  layers?.find((one): one is Extract<Policy, { kind: K }> => one.kind === kind);
const codes = ({ problems }: Compiled): string[] =>
  problems.map(({ code, resource, path }) => `${code} ${resource} ${path}`);

const timeout = (target: TargetName, ms: number, name: string = target, metadata: object = {}) =>
  trafficPolicy(name, { targetRefs: [TARGETS[target]], timeouts: { request: `${ms}ms` } }, metadata);
const breaker = (target: TargetName, failures: number, name: string = target, metadata: object = {}) =>
  trafficPolicy(name, { targetRefs: [TARGETS[target]], breaker: { failures } }, metadata);
const limit = (target: TargetName, name: string = target) =>
  rateLimitPolicy(name, { targetRefs: [TARGETS[target]], limits: [{ name: "l", requests: 10 }] });

describe("a timeout is that of the most specific target", () => {
  it.each<[TargetName[], number | undefined]>([
    [[], undefined],
    [["gateway"], 1],
    [["gateway", "listener"], 2],
    [["listener", "gateway"], 2],
    [["gateway", "route"], 3],
    [["route", "rule"], 4],
    [["gateway", "listener", "route", "rule"], 4],
  ])("of %j", (targets, expected) => {
    const ms = { gateway: 1, listener: 2, route: 3, rule: 4, backend: 5, service: 6 };
    const result = compiled(...world, ...targets.map((target) => timeout(target, ms[target])));
    expect(layer(rule(result).layers, "deadline")?.ms).toBe(expected);
  });

  it("and a section of one rule holds for that rule alone", () => {
    const result = compiled(...world, timeout("rule", 4), timeout("route", 3));
    expect(layer(rule(result, "rest").layers, "deadline")?.ms).toBe(3);
  });

  it("and a backend's own bounds the calls to it", () => {
    const result = compiled(...world, timeout("backend", 5), timeout("route", 3));
    expect(layer(rule(result).layers, "deadline")?.ms).toBe(3);
    expect(rule(result).backends.map(({ layers }) => layer(layers, "deadline")?.ms)).toEqual([5, undefined]);
  });

  it("and 0s takes it away", () => {
    const result = compiled(...world, timeout("gateway", 1), timeout("route", 0));
    expect(layer(rule(result).layers, "deadline")).toBeUndefined();
  });
});

describe("a route's own timeouts come before any policy's", () => {
  it.each<[object, call: number | undefined, oneTry: number | undefined]>([
    [{ request: "2s" }, 2000, undefined],
    [{ backendRequest: "1s" }, 7, 1000],
    [{ request: "2s", backendRequest: "1s" }, 2000, 1000],
    [{ request: "0s", backendRequest: "1s" }, undefined, 1000],
    [{ request: "2s", backendRequest: "0s" }, 2000, undefined],
    [{ request: "0s" }, undefined, undefined],
    [{}, 7, undefined],
    [{ request: "1h1m1s1ms" }, 3_661_001, undefined],
    [{ request: "99999h", backendRequest: "99998h" }, 2_147_483_647, 2_147_483_647],
  ])("%j", (timeouts, call, oneTry) => {
    const own = route("shop", {
      parentRefs: [{ name: "front" }],
      rules: [{ name: "cart", backendRefs: [to("b")], timeouts }],
    });
    const result = compiled(front(), backend("b"), own, timeout("gateway", 7));
    const { layers, backends } = rule(result);
    expect(layer(layers, "deadline")?.ms).toBe(call);
    expect(layer(backends[0]?.layers ?? [], "try-timeout")?.ms).toBe(oneTry);
  });
});

describe("the timeouts of a try and of its response", () => {
  const all = { try: "1s", firstByte: "2s", idle: "3s", body: "4s" };
  const kinds = ["try-timeout", "first-byte", "body-timeout"] as const;
  const found = (targets: Record<string, object>, timeouts: object = {}) => {
    const own = route("shop", {
      parentRefs: [{ name: "front" }],
      rules: [{ name: "cart", backendRefs: [to("b")], timeouts }],
    });
    const made = Object.entries(targets).map(([target, given]) =>
      trafficPolicy(target, { targetRefs: [TARGETS[target as TargetName]], timeouts: given }),
    );
    const layers = rule(compiled(front(), backend("b"), own, ...made)).backends[0]?.layers;
    return kinds.map((kind) => layer(layers, kind));
  };
  const whole = [
    { kind: "try-timeout", ms: 1000 },
    { kind: "first-byte", ms: 2000 },
    { kind: "body-timeout", idleMs: 3000, ms: 4000 },
  ];

  it.each<[string, Record<string, object>, object, unknown[]]>([
    ["are none by default", {}, {}, [undefined, undefined, undefined]],
    ["hold from the Gateway down", { gateway: all }, {}, whole],
    ["hold at the backend", { backend: all }, {}, whole],
    [
      "are the backend's whole section, if it has one",
      { route: all, backend: { idle: "9s" } },
      {},
      [undefined, undefined, { kind: "body-timeout", idleMs: 9000 }],
    ],
    [
      "leave a try to the rule",
      { route: all },
      { backendRequest: "7s" },
      [{ kind: "try-timeout", ms: 7000 }, ...whole.slice(1)],
    ],
    ["are none at 0s", { gateway: { try: "0s", idle: "0s" } }, {}, [undefined, undefined, undefined]],
  ])("%s", (_, targets, own, expected) => {
    expect(found(targets, own)).toEqual(expected);
  });
});

describe("a fault and a hedge", () => {
  it("come with every default filled in, and the fault with what ends it", () => {
    const spec = {
      fault: {
        expires: "2026-12-01T18:00:00Z",
        match: { headers: [{ name: "X-Test", value: "1" }], callers: ["spiffe://mesh/ns/a/sa/b"] },
        delay: { percent: 10, for: "2s" },
        abort: { percent: 0.5, status: 503 },
        truncate: { percent: 100, afterBytes: 0 },
      },
      hedge: {},
    };
    const result = compiled(...world, trafficPolicy("p", { targetRefs: [TARGETS.rule], ...spec }));
    const layers = rule(result).backends[0]?.layers;
    expect([layer(layers, "hedge"), layer(layers, "fault-budget"), layer(layers, "fault")]).toEqual([
      {
        kind: "hedge",
        scope: "default/shop/cart to Backend/default/b",
        percentile: 0.95,
        leastMs: 5,
        share: 0.04,
      },
      {
        kind: "fault-budget",
        circuit: "faults of default/p until 2026-12-01T18:00:00Z",
        failures: 20,
        failureRatio: 0.1,
        windowMs: 60_000,
        openMs: 315_360_000_000,
        maxOpenMs: 315_360_000_000,
        probes: 1,
      },
      {
        kind: "fault",
        until: Date.parse("2026-12-01T18:00:00Z"),
        headers: [{ name: "x-test", value: "1" }],
        callers: ["spiffe://mesh/ns/a/sa/b"],
        delay: { share: 0.1, ms: 2000 },
        abort: { share: 0.005, status: 503 },
        truncate: { share: 1, afterBytes: 0 },
      },
    ]);
    expect(layers?.map(({ kind }) => kind)).toEqual(["fault-budget", "hedge", "fault"]);
  });

  it.each([
    [true, undefined, true],
    [true, false, false],
    [undefined, true, true],
    [undefined, undefined, false],
  ])(
    "with exposeEndpoint %s at the rule and %s at its backend, the endpoint is shown: %s",
    (rule_, backend_, shown) => {
      const at = (name: string, target: object, exposeEndpoint: boolean | undefined) =>
        exposeEndpoint === undefined ? [] : [trafficPolicy(name, { targetRefs: [target], exposeEndpoint })];
      const result = compiled(...world, ...at("p", TARGETS.rule, rule_), ...at("q", TARGETS.backend, backend_));
      const expected = shown ? { kind: "expose-endpoint", backend: 0 } : undefined;
      expect(layer(rule(result).backends[0]?.layers, "expose-endpoint")).toEqual(expected);
    },
  );

  it("an adaptive limit is the backend's, beneath its tries and their copies, with every default filled in", () => {
    const spec = { adaptiveConcurrency: {}, hedge: {}, retry: {}, loadBalancing: {} };
    const layers = rule(compiled(...world, trafficPolicy("p", { targetRefs: [TARGETS.backend], ...spec }))).backends[0]
      ?.layers;
    expect(layer(layers, "adaptive-concurrency")).toEqual({
      kind: "adaptive-concurrency",
      name: "Backend/default/b by default/p",
      least: 3,
      most: 1000,
      tolerance: 1.25,
      measureEveryMs: 30_000,
    });
    expect(layers?.map(({ kind }) => kind)).toEqual(["retry", "hedge", "adaptive-concurrency"]);
  });

  it("leaves no hedge where calls have permits, whose of the two policies is more specific", () => {
    const copies = trafficPolicy("p", { targetRefs: [TARGETS.rule], hedge: {} });
    const limited = trafficPolicy("q", { targetRefs: [TARGETS.backend], concurrency: { limit: 5 } });
    expect(layer(rule(compiled(...world, copies, limited)).backends[0]?.layers, "hedge")).toBeUndefined();
  });
});

it("a mirror's answers are compared where a policy of its rule wants it, with every default filled in", () => {
  const filters = [{ type: "RequestMirror", requestMirror: { backendRef: to("m") } }];
  const copying = route("shop", {
    parentRefs: [{ name: "front" }],
    rules: [
      { name: "cart", filters, backendRefs: [to("b")] },
      { name: "rest", filters, backendRefs: [to("b")] },
    ],
  });
  const policy = trafficPolicy("p", { targetRefs: [TARGETS.rule], mirrorCompare: { ignore: ["/id"] } });
  const result = compiled(front(), backend("b"), backend("m"), copying, policy);
  expect(layer(rule(result).layers, "mirror")?.compare).toEqual({
    rule: "default/shop/cart",
    headers: ["content-type"],
    ignore: ["/id"],
    maxBytes: 65_536,
  });
  expect(layer(rule(result, "rest").layers, "mirror")).toMatchObject({ share: 1 });
  expect(layer(rule(result, "rest").layers, "mirror")?.compare).toBeUndefined();
});

describe("stale answers", () => {
  const kept = (target: TargetName, maxStale: string) =>
    trafficPolicy(target, {
      targetRefs: [TARGETS[target]],
      staleServe: { maxStale, callerHeaders: ["X-Api-Key", "Cookie"] },
    });

  it("are kept at the rule, with every default filled in", () => {
    expect(layer(rule(compiled(...world, kept("route", "1m"))).layers, "stale-serve")).toEqual({
      kind: "stale-serve",
      scope: "default/shop/cart",
      maxStaleMs: 60_000,
      maxBytes: 1_048_576,
      collapse: "failing",
      callerHeaders: ["authorization", "cookie", "x-api-key"],
    });
  });

  it.each<[TargetName[], number | undefined]>([
    [[], undefined],
    [["gateway", "rule"], 2000],
    [["rule", "service"], 4000],
    [["rule", "service", "backend"], 3000],
  ])("as the most specific of %j says, of backends the first", (targets, expected) => {
    const times = { gateway: "1s", listener: "1s", route: "1s", rule: "2s", backend: "3s", service: "4s" };
    const result = compiled(...world, ...targets.map((target) => kept(target, times[target])));
    expect(layer(rule(result).layers, "stale-serve")?.maxStaleMs).toBe(expected);
  });

  it("are kept at a Service's own address, too", () => {
    const { snapshot } = compiled(...world, kept("service", "4s"));
    const own = snapshot.rules.find((one) => one.route === "default/s" && one.rule === "");
    expect(layer(own?.layers, "stale-serve")?.scope).toBe("Service/default/s");
  });
});

describe("a breaker is that of the most specific target, the backend's own above all", () => {
  it.each<[TargetName[], (number | undefined)[]]>([
    [[], [undefined, undefined]],
    [["gateway"], [1, 1]],
    [
      ["gateway", "rule"],
      [4, 4],
    ],
    [
      ["rule", "backend"],
      [5, 4],
    ],
    [
      ["backend", "service"],
      [5, 6],
    ],
  ])("of %j", (targets, expected) => {
    const failures = { gateway: 1, listener: 2, route: 3, rule: 4, backend: 5, service: 6 };
    const result = compiled(...world, ...targets.map((target) => breaker(target, failures[target])));
    expect(rule(result).backends.map(({ layers }) => layer(layers, "breaker")?.failures)).toEqual(expected);
  });

  it("and two policies over one backend are two circuits", () => {
    const result = compiled(...world, breaker("rule", 4), breaker("route", 3));
    const circuits = ["cart", "rest"].map((name) => layer(rule(result, name).backends[0]?.layers, "breaker")?.circuit);
    expect(circuits).toEqual(["Backend/default/b by default/rule", "Backend/default/b by default/route"]);
  });

  it("with every default filled in, in milliseconds", () => {
    const result = compiled(...world, trafficPolicy("p", { targetRefs: [TARGETS.backend], breaker: {} }));
    expect(layer(rule(result).backends[0]?.layers, "breaker")).toEqual({
      kind: "breaker",
      circuit: "Backend/default/b by default/p",
      failures: 5,
      failureRatio: 0.5,
      windowMs: 10_000,
      openMs: 1000,
      maxOpenMs: 30_000,
      probes: 1,
      rampMs: 5000,
    });
  });
});

describe("sections", () => {
  it("are taken each from the most specific policy that has it", () => {
    const result = compiled(...world, timeout("gateway", 1), breaker("route", 3));
    expect(layer(rule(result).layers, "deadline")?.ms).toBe(1);
    expect(layer(rule(result).backends[0]?.layers, "breaker")?.failures).toBe(3);
  });

  it("are not mixed: the more specific one hides the other whole", () => {
    const empty = trafficPolicy("empty", { targetRefs: [TARGETS.route], timeouts: {} });
    expect(layer(rule(compiled(...world, timeout("gateway", 1), empty)).layers, "deadline")).toBeUndefined();
  });
});

describe("two policies that set one section of one target", () => {
  const old = { creationTimestamp: "2024-01-01T00:00:00Z" };
  const young = { creationTimestamp: "2025-01-01T00:00:00Z" };

  it.each([
    ["the older wins", timeout("route", 1, "a", young), timeout("route", 2, "z", old), 2, "a"],
    ["the first by name, of one age", timeout("route", 1, "a", old), timeout("route", 2, "z", old), 1, "z"],
    ["one with an age before one without", timeout("route", 1, "a"), timeout("route", 2, "z", young), 2, "a"],
    [
      "ages of two time zones",
      timeout("route", 1, "a", { creationTimestamp: "2024-01-01T01:00:00+02:00" }),
      timeout("route", 2, "b", { creationTimestamp: "2023-12-31T23:30:00Z" }),
      1,
      "b",
    ],
  ])("%s", (_, one, other, ms, loser) => {
    const result = compiled(...world, one, other);
    expect(layer(rule(result).layers, "deadline")?.ms).toBe(ms);
    expect(codes(result)).toEqual([`conflict TrafficPolicy default/${loser} spec.timeouts`]);
  });

  it("do not conflict over different sections", () => {
    expect(codes(compiled(...world, timeout("route", 1, "a"), breaker("route", 2, "b")))).toEqual([]);
  });
});

describe("limits", () => {
  const names = (layers: readonly Policy[] | undefined) => layer(layers, "rate-limit")?.limits.map(({ name }) => name);

  it("of every target add up, the widest first", () => {
    const result = compiled(
      ...world,
      limit("rule"),
      limit("gateway"),
      limit("route"),
      limit("backend"),
      limit("listener"),
    );
    expect(names(rule(result).layers)).toEqual(
      ["gateway", "listener", "route", "rule"].map((name) => `default/${name}/l`),
    );
    expect(rule(result).backends.map(({ layers }) => names(layers))).toEqual([["default/backend/l"], undefined]);
  });

  it("of several policies on one target add up", () => {
    const result = compiled(...world, limit("route", "a"), limit("route", "b"));
    expect(names(rule(result).layers)).toEqual(["default/a/l", "default/b/l"]);
  });

  it("of one policy that names its target twice hold once", () => {
    const twice = rateLimitPolicy("p", {
      targetRefs: [TARGETS.route, TARGETS.route],
      limits: [{ name: "l", requests: 1 }],
    });
    expect(names(rule(compiled(...world, twice)).layers)).toEqual(["default/p/l"]);
  });

  it("of a Service hold once for a call through a route of its own", () => {
    const gamma = route("shop", {
      parentRefs: [{ group: "", kind: "Service", name: "s" }],
      rules: [{ name: "cart", backendRefs: [{ name: "s", port: 80 }] }],
    });
    const result = compiled(service("s", { ports: [{ port: 80 }] }), gamma, limit("service"));
    expect(names(rule(result).layers)).toBeUndefined();
    expect(rule(result).backends.map(({ layers }) => names(layers))).toEqual([["default/service/l"]]);
  });

  it.each<[object, number]>([
    [{ requests: 10 }, 10],
    [{ requests: 10, burst: 3 }, 3],
    [{ requests: 100, window: "20s" }, 50],
    [{ requests: 1000, window: "24h" }, 1],
    [{ requests: 1_000_000, window: "24h" }, 116],
    [{ requests: 1, window: "10ms" }, 1],
  ])("%j have a burst of %d", (given, burst) => {
    const policy = rateLimitPolicy("p", { targetRefs: [TARGETS.route], limits: [{ name: "l", ...given }] });
    expect(layer(rule(compiled(...world, policy)).layers, "rate-limit")?.limits[0]?.burst).toBe(burst);
  });

  it.each<[spec: object, limit: object, is: object]>([
    [{}, { requests: 10 }, { requests: 10, burst: 10 }],
    [{}, { bytes: 100 }, { requests: 100, burst: 100, cost: { kind: "bytes" } }],
    [{}, { units: 100, cost: "2" }, { requests: 100, burst: 100, cost: { kind: "expression", text: "2" } }],
    [{}, { requests: 12, mode: "bounded" }, { requests: 12, burst: 12, credit: 3 }],
    [{}, { requests: 12, mode: "bounded", overdraft: 9 }, { requests: 12, burst: 12, credit: 9 }],
    [{}, { requests: 10, mode: "local" }, { requests: 10, burst: 10, local: true }],
    [{ dryRun: true }, { requests: 10 }, { requests: 10, burst: 10, dryRun: true }],
    [
      { exempt: { principals: ["m/ns/a/sa/b"], condition: "true" } },
      { requests: 10 },
      {
        requests: 10,
        burst: 10,
        exempt: [
          { of: { kind: "principal" }, path: "spec.exempt.principals", values: ["m/ns/a/sa/b"] },
          { of: { kind: "condition" }, path: "spec.exempt.condition", values: ["true"] },
        ],
      },
    ],
  ])("of a policy with %j that say %j", (spec, given, is) => {
    const policy = rateLimitPolicy("p", { targetRefs: [TARGETS.route], limits: [{ name: "l", ...given }], ...spec });
    expect(layer(rule(compiled(...world, policy)).layers, "rate-limit")?.limits).toEqual([
      { name: "default/p/l", key: [], windowMs: 1000, onUnavailable: "share", ...is },
    ]);
  });

  it("have keys as edges read them", () => {
    const policy = rateLimitPolicy("p", {
      targetRefs: [TARGETS.route],
      limits: [
        {
          name: "l",
          requests: 1,
          key: [
            { type: "Header", name: "X-Key" },
            { type: "ClientAddress" },
            { type: "ClientAddress", v4Prefix: 24, v6Prefix: 48 },
            { type: "Claim", claim: "sub" },
          ],
        },
      ],
    });
    expect(layer(rule(compiled(...world, policy)).layers, "rate-limit")?.limits[0]?.key).toEqual([
      { type: "Header", name: "x-key" },
      { type: "ClientAddress" },
      { type: "ClientAddress", v4: 24, v6: 48 },
      { type: "Claim", path: ["sub"] },
    ]);
  });
});

describe("a policy's target that cannot hold is reported and left out", () => {
  it.each<[string, object, string]>([
    [
      "of another namespace",
      { ...TARGETS.route, namespace: "away" },
      "not-permitted TrafficPolicy default/p spec.targetRefs[0]",
    ],
    [
      "that is not there",
      { ...TARGETS.route, name: "gone" },
      "dangling-reference TrafficPolicy default/p spec.targetRefs[0]",
    ],
    [
      "whose rule is not there",
      { ...TARGETS.rule, sectionName: "gone" },
      "dangling-reference TrafficPolicy default/p spec.targetRefs[0].sectionName",
    ],
    [
      "whose listener is not there",
      { ...TARGETS.listener, sectionName: "gone" },
      "dangling-reference TrafficPolicy default/p spec.targetRefs[0].sectionName",
    ],
    [
      "that has no sections",
      { ...TARGETS.backend, sectionName: "a" },
      "dangling-reference TrafficPolicy default/p spec.targetRefs[0].sectionName",
    ],
    [
      "of a kind that takes no policies",
      { group: "", kind: "Pod", name: "a" },
      "not-carried TrafficPolicy default/p spec.targetRefs[0]",
    ],
    ["of another group", { ...TARGETS.route, group: "" }, "not-carried TrafficPolicy default/p spec.targetRefs[0]"],
    [
      "of a kind named as a property of every object",
      { group: "", kind: "constructor", name: "a" },
      "not-carried TrafficPolicy default/p spec.targetRefs[0]",
    ],
  ])("%s", (_, target, problem) => {
    const policy = trafficPolicy("p", { targetRefs: [target, TARGETS.gateway], timeouts: { request: "1ms" } });
    const result = compiled(...world, policy);
    expect(codes(result)).toEqual([problem]);
    expect(layer(rule(result).layers, "deadline")?.ms).toBe(1);
  });
});

it("a concurrency limit is named after its backend and its policy, and has every default", () => {
  const result = compiled(...world, trafficPolicy("p", { targetRefs: [TARGETS.route], concurrency: { limit: 5 } }));
  expect(layer(rule(result).backends[0]?.layers, "concurrency")).toEqual({
    kind: "concurrency",
    name: "Backend/default/b by default/p",
    limit: 5,
    longestCallMs: 60_000,
    onUnavailable: "share",
  });
});

describe("of IdempotencyPolicies one holds for a rule, before the draw of a backend", () => {
  const keys = (target: TargetName, name: string = target, metadata: object = {}) =>
    idempotencyPolicy(name, { targetRefs: [TARGETS[target]] }, metadata);

  it.each<[TargetName[], string | undefined]>([
    [[], undefined],
    [["gateway"], "default/gateway"],
    [["listener", "gateway"], "default/listener"],
    [["service", "gateway"], "default/service"],
    [["backend", "service"], "default/backend"],
    [["route", "service"], "default/route"],
    [["rule", "route"], "default/rule"],
  ])("of those of %j that of %s", (targets, policy) => {
    const { layers, backends } = rule(compiled(...world, ...targets.map((target) => keys(target))));
    expect(layer(layers, "idempotency")?.policy).toBe(policy);
    expect(backends.map((one) => layer(one.layers, "idempotency"))).toEqual([undefined, undefined]);
  });

  it("has its defaults filled in, and its route for a scope", () => {
    expect(layer(rule(compiled(...world, keys("route"))).layers, "idempotency")).toEqual({
      kind: "idempotency",
      policy: "default/route",
      shards: 4,
      scope: "HTTPRoute/default/shop",
      header: "idempotency-key",
      required: false,
      methods: ["POST", "PATCH"],
      caller: ["authorization"],
      unprocessed: [408, 425, 429],
      repeatable: false,
      executionMs: 30_000,
      retentionMs: 86_400_000,
      maxRequestBytes: 1_048_576,
      maxResponseBytes: 1_048_576,
      onUnavailable: "deny",
    });
  });

  it("holds at a Service's own address too", () => {
    const { snapshot } = compiled(...world, keys("service"));
    const own = snapshot.rules.find(({ route }) => route === "default/s");
    expect(layer(own?.layers, "idempotency")?.scope).toBe("Service/default/s");
  });

  it("is the oldest of its target, and the younger one is told", () => {
    const result = compiled(
      ...world,
      keys("route", "young", { creationTimestamp: "2026-02-01T00:00:00Z" }),
      keys("route", "old", { creationTimestamp: "2026-01-01T00:00:00Z" }),
    );
    expect(layer(rule(result).layers, "idempotency")?.policy).toBe("default/old");
    expect(codes(result)).toEqual(["conflict IdempotencyPolicy default/young spec"]);
  });
});

describe("balancing", () => {
  const two = {
    endpoints: [
      { url: "https://a.example", zone: "FRA" },
      { url: "https://b.example", priority: 1 },
    ],
  };
  const balanced = (...policies: (typeof world)[number][]) =>
    layer(
      rule(compiled(...world.map((one) => (one === world[1] ? { ...one, spec: two } : one)), ...policies)).backends[0]
        ?.layers,
      "balance",
    );

  it("is there for more than one endpoint alone, and needs no policy", () => {
    expect(layer(rule(compiled(...world)).backends[0]?.layers, "balance")).toBeUndefined();
    expect(balanced()).toMatchObject({ strategy: { kind: "peak-ewma" }, panic: 0.5, zones: true });
  });

  it("takes each section from the most specific policy that has it, and remembers apart what each learns", () => {
    const of = (name: string, spec: object) => trafficPolicy(name, { targetRefs: [TARGETS.backend], ...spec });
    const found = balanced(
      of("how", {
        loadBalancing: { strategy: "ConsistentHash", hash: { type: "Header", name: "X-User" }, maxLoadFactor: 1.5 },
      }),
      of("who", { outlierEjection: { failures: 2, successRate: { minRequests: 50 } } }),
    );
    expect(found).toMatchObject({
      strategy: { kind: "hash", key: { kind: "header", name: "x-user" }, bound: 1.5 },
      ejection: {
        failures: 2,
        ejectMs: 30_000,
        maxEjectMs: 300_000,
        maxEjected: 0.5,
        successRate: { intervalMs: 10_000, leastEndpoints: 5, leastCalls: 50, deviations: 1.9 },
      },
    });
    expect(found?.group).toMatch(/ by .*how by .*who$/);
  });
});

it.each([
  ["Backend", "breaker", /^Backend\/default\/b by default\/p$/],
  ["Route", "breaker", /^Backend\/default\/b by default\/p for default\/shop\/cart$/],
  ["Endpoint", "endpoint-breaker", /^Backend\/default\/b by default\/p$/],
] as const)("a breaker of scope %s is a %s with a circuit of its own", (scope, kind, circuit) => {
  const two = { ...world[1]!, spec: { endpoints: [{ url: "https://a.example" }, { url: "https://b.example" }] } };
  const result = compiled(
    world[0]!,
    two,
    ...world.slice(2),
    trafficPolicy("p", { targetRefs: [TARGETS.backend], breaker: { scope } }),
  );
  expect(layer(rule(result).backends[0]?.layers, kind)?.circuit).toMatch(circuit);
  const circuits = circuitsOf(result.snapshot).map((one) => one.circuit);
  expect(circuits.filter((name) => circuit.test(name.replace(/ at https.*/, "")))).toHaveLength(
    scope === "Endpoint" ? 2 : 1,
  );
});
