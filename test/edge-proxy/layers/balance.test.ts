import { beforeEach, describe, expect, it } from "vitest";
import type { Backend, Policy } from "../../../mesh/snapshot.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { balance } from "../../../workers/edge-proxy/layers/balance.ts";
import { endpointBreaker } from "../../../workers/edge-proxy/layers/breaker.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { OUTRUN } from "../../../workers/edge-proxy/outcome.ts";
import { callWith } from "./call.ts";

const backend = (...hosts: string[]): Backend => ({
  name: "Backend/shop/api",
  endpoints: hosts.map((host) => ({ kind: "url", origin: `https://${host}`, path: "", weight: 1 })),
});
type BalanceLayer = Extract<Policy, { kind: "balance" }>;
const policy: BalanceLayer = {
  kind: "balance",
  backend: 0,
  group: "api",
  strategy: { kind: "round-robin" },
  panic: 0.5,
  zones: true,
  slowStartMs: 0,
};

let memory: Memory;
let now: number;
beforeEach(() => {
  memory = newMemory("i1");
  now = 1_000_000;
});
const callFor = (request = new Request("http://shop.example/")) =>
  callWith({ now: () => now, random: () => 0.3 }, { memory, request });
const ok: Handler = async () => new Response();
const failing: Handler = async () => {
  throw new Denied({ cause: "upstream-unreachable" });
};

describe("a copy of a call that another outran", () => {
  const learnt = () =>
    memory.groups.get("api")!.members.map(({ latency, standing }) => [latency?.ms, standing.failures]);
  const outrunAfter =
    (ms: number): Handler =>
    async (call) => {
      now += ms;
      call.signal = AbortSignal.any([AbortSignal.abort(OUTRUN)]);
      throw new Denied({ cause: "deadline-exceeded" });
    };
  it("is no failure of its endpoint, which is known to take longer than it has taken", async () => {
    const run = balance([backend("a", "b")])({
      ...policy,
      ejection: { failures: 1, ejectMs: 1000, maxEjectMs: 1000, maxEjected: 0.5 },
    });
    for (const ms of [40, 30]) {
      await run(outrunAfter(ms))(callFor()).catch(() => {});
      await run(ok)(callFor());
    }
    expect(learnt()).toEqual([
      [40, 0],
      [0, 0],
    ]);
  });
});

describe("each call", () => {
  it("is drawn an endpoint, which a further try of the same call avoids", async () => {
    const run = balance([backend("a", "b", "c")])(policy);
    const call = callFor();
    const before = call.place;
    for (let time = 0; time < 3; time++) {
      call.place = before;
      await run(failing)(call).catch(() => {});
    }
    expect(new Set(call.tried)).toEqual(new Set([0, 1, 2]));
    expect(call.tried).toHaveLength(3);
  });

  it("stays at its session's endpoint, unless it was tried there in vain, or that endpoint is out", async () => {
    const run = balance([backend("a", "b")])({
      ...policy,
      ejection: { failures: 1, ejectMs: 1000, maxEjectMs: 1000, maxEjected: 0.5 },
    });
    const held = async (next: Handler, call = callFor()) => {
      call.place = { endpoint: 1 };
      await run(next)(call).catch(() => {});
      return call.place.endpoint;
    };
    expect([await held(ok), await held(ok)]).toEqual([1, 1]);
    const call = callFor();
    expect([await held(failing, call), await held(ok, call)]).toEqual([1, 0]);
    expect(await held(ok)).toBe(0);
    now += 1000;
    expect(await held(ok)).toBe(1);
  });
});

it("many rules and the next configuration know one backend by what was learnt of it", async () => {
  const layers = balance([backend("a", "b")]);
  await layers(policy)(failing)(callFor()).catch(() => {});
  await layers(policy)(ok)(callFor());
  expect(memory.groups.get("api")!.members.map(({ latency }) => latency?.ms)).toEqual([5000, 0]);
  await balance([backend("new", "a", "b")])(policy)(ok)(callFor());
  const { members } = memory.groups.get("api")!;
  expect(members.slice(1).map(({ latency }) => latency?.ms)).toEqual([5000, 0]);
  expect(members[0]!.since).toBe(now);
});

it("an endpoint that says 429 is left alone for as long as it asks, and is not ejected", async () => {
  const limited: Handler = async () => new Response(null, { status: 429, headers: { "retry-after": "60" } });
  const run = balance([backend("a", "b")])({
    ...policy,
    ejection: { failures: 1, ejectMs: 1000, maxEjectMs: 1000, maxEjected: 0.5 },
  });
  await run(limited)(callFor());
  expect(memory.groups.get("api")!.members[0]).toMatchObject({ latency: { ms: 60_000 }, standing: { until: 0 } });
});

it.each<[BalanceLayer["strategy"] & { kind: "hash" }, Request, Request]>([
  [
    { kind: "hash", key: { kind: "header", name: "x-user" } },
    new Request("http://x/", { headers: { "x-user": "ann" } }),
    new Request("http://x/", { headers: { "x-user": "bob" } }),
  ],
  [
    { kind: "hash", key: { kind: "cookie", name: "cart" } },
    new Request("http://x/", { headers: { cookie: "a=1; cart=7" } }),
    new Request("http://x/", { headers: { cookie: "cart=8" } }),
  ],
])("%j sends the same key to the same endpoint", async (strategy, one, other) => {
  const hosts = Array.from({ length: 20 }, (_, index) => `h${index}`);
  const run = balance([backend(...hosts)])({ ...policy, strategy });
  const placeOf = async (request: Request) => {
    const call = callFor(request);
    await run(ok)(call);
    return call.place.endpoint;
  };
  const first = await placeOf(one);
  expect([await placeOf(one), await placeOf(one)]).toEqual([first, first]);
  expect(await placeOf(other)).not.toBe(first);
});

it("goes to another endpoint where an endpoint's circuit is open, and is refused when all are", async () => {
  const backends = [backend("a", "b")];
  const thresholds = { failures: 99, failureRatio: 1, windowMs: 1000, openMs: 1000, maxOpenMs: 1000, probes: 1 };
  const guard = endpointBreaker(backends)({ kind: "endpoint-breaker", backend: 0, circuit: "api by p", ...thresholds });
  const run = balance(backends)(policy)(guard(ok));
  const open = (...hosts: string[]) =>
    (memory.forced = new Map(hosts.map((host) => [`api by p at https://${host}`, { to: "open", until: now + 9000 }])));
  const placed = async () => {
    const call = callFor();
    return run(call).then(
      () => call.place.endpoint,
      (error: unknown) => (error as Denied).denial.cause,
    );
  };
  open("a");
  expect([await placed(), await placed(), await placed()]).toEqual([1, 1, 1]);
  open("a", "b");
  expect(await placed()).toBe("breaker-open");
});

describe("active health checks", () => {
  const health = {
    object: "Backend/shop/api",
    path: "/ready",
    intervalMs: 1000,
    timeoutMs: 100,
    healthyThreshold: 1,
    unhealthyThreshold: 1,
    statuses: [[200, 299] as const],
    jitter: 0,
  };
  const checked = (...hosts: string[]): Backend => {
    const { endpoints, ...made } = backend(...hosts);
    const bound = { kind: "binding", binding: "SERVICE_B", weight: 1 } as const;
    const local = { kind: "url", origin: "http://127.0.0.1:80", path: "", weight: 1, reserved: true } as const;
    return { ...made, endpoints: [...endpoints, bound, local], health };
  };
  let failing: string[] | "unreachable";
  let asked: unknown[];
  beforeEach(() => {
    asked = [];
    failing = [];
  });
  /** Where ten calls went, once what each left for later was done, and what they said of themselves. */
  async function ten(made: Backend) {
    const run = balance([made])(policy)(ok);
    const calls = [];
    for (let time = 0; time < 10; time++) {
      const ask = async (request: object) => {
        asked.push(request);
        if (failing === "unreachable") throw new Error("gone");
        return { failing, epoch: 9 };
      };
      const call = callWith(
        { now: () => now, random: () => 0.3, allowReserved: false, health: () => ({ ask }) },
        { memory },
      );
      await run(call);
      await Promise.all(call.laterWork);
      calls.push(call);
    }
    return {
      to: Array.from(new Set(calls.map(({ place }) => place.endpoint!))).toSorted((a, b) => a - b),
      degraded: calls.filter(({ standIn }) => standIn === "health-check").length,
      heard: calls.flatMap(({ heard }) => heard),
    };
  }

  it("leave an endpoint out that fails them, from the call after the object said so, and take it back", async () => {
    failing = ["https://a"];
    expect((await ten(checked("a", "b"))).heard).toEqual([9]);
    expect((await ten(checked("a", "b"))).to).toEqual([1, 2, 3]);
    failing = [];
    now += 1000;
    await ten(checked("a", "b"));
    expect((await ten(checked("a", "b"))).to).toEqual([0, 1, 2, 3]);
  });

  it("are asked for once an interval, beside the call, and name only what an edge would call by its URL", async () => {
    await ten(checked("a", "b"));
    now += 999;
    await ten(checked("a", "b"));
    expect(asked).toEqual([{ epoch: 3, check: health, addresses: ["https://a", "https://b"] }]);
    now += 1;
    await ten(checked("a", "b"));
    expect(asked).toHaveLength(2);
  });

  it("hold for a bounded time when their object is gone; then every endpoint counts as healthy, and answers say so", async () => {
    failing = ["https://a"];
    await ten(checked("a", "b"));
    failing = "unreachable";
    now += 3299;
    expect(await ten(checked("a", "b"))).toMatchObject({ to: [1, 2, 3], degraded: 0 });
    now += 1;
    expect(await ten(checked("a", "b"))).toMatchObject({ to: [0, 1, 2, 3], degraded: 10 });
  });

  it("that a configuration no longer has leave nothing behind", async () => {
    failing = ["https://a"];
    await ten(checked("a", "b"));
    await ten(checked("a", "b"));
    const { health: _, ...plain } = checked("a", "b");
    expect((await ten(plain)).to).toEqual([0, 1, 2, 3]);
  });
});
