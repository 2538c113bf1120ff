import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BreakerReply, BreakerReport, ProbeReply, ProbeRequest } from "../../../durable-objects/breaker.ts";
import type { Denial } from "../../../mesh/denial.ts";
import { type Breaker, closed } from "../../../mesh/policies/breaker.ts";
import { HELLO_EVERY_MS } from "../../../mesh/policies/fleet-circuit.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { breaker } from "../../../workers/edge-proxy/layers/breaker.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { CALLERS_TIME_IS_UP } from "../../../workers/edge-proxy/outcome.ts";
import { callWith } from "./call.ts";
import { type FakeCircuit, fleetCircuit } from "./fleet-circuit.ts";

const policy = { failures: 20, failureRatio: 0.5, windowMs: 10_000, openMs: 1000, maxOpenMs: 8000, probes: 1 };
const layer = breaker({ kind: "breaker", circuit: "shop", ...policy });
const fleetClosed: BreakerReply = { kind: "closed", version: 1, epoch: 3 };

let memory: Memory;
let reports: BreakerReport[];
let probes: ProbeRequest[];
let onReport: () => Promise<BreakerReply>;
let onProbe: () => Promise<ProbeReply>;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  memory = newMemory("i1");
  [reports, probes] = [[], []];
  onReport = async () => fleetClosed;
  onProbe = async () => ({ ...fleetClosed, granted: false });
});
afterEach(() => vi.useRealTimers());

const object = () => ({
  report: (message: BreakerReport) => (reports.push(message), onReport()),
  probe: (message: ProbeRequest) => (probes.push(message), onProbe()),
});
const answering =
  (status: number): Handler =>
  async () =>
    new Response(null, { status });
const failing =
  (denial: Denial): Handler =>
  async () => {
    throw new Denied(denial);
  };
/** The status, or the cause of the denial, or what else was thrown. */
async function send(next: Handler, request?: Request): Promise<unknown> {
  const call = callWith({ breaker: object }, { memory, ...(request && { request }) });
  const result = await layer(next)(call).then(
    ({ status }) => status,
    (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
  );
  await vi.advanceTimersByTimeAsync(0);
  return result;
}
const view = () => memory.circuits.get("shop")!.view.kind;
const fail = async (times: number) => {
  for (let time = 0; time < times; time++) await send(answering(503));
};
const never = () => new Promise<never>(() => {});

describe("while closed", () => {
  it("asks nothing of the object, and tells it of successes once in ten seconds at most", async () => {
    for (let time = 0; time < 50; time++) expect(await send(answering(200))).toBe(200);
    expect(reports).toMatchObject([{ ok: 1, failed: 0 }]);
    await vi.advanceTimersByTimeAsync(HELLO_EVERY_MS - 1);
    await send(answering(200));
    expect(reports).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await send(answering(200));
    expect(reports.slice(1)).toMatchObject([{ failed: 0 }]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([reports.length, probes]).toEqual([2, []]);
  });

  it.each<[string, Handler, number]>([
    ["500", answering(500), 1],
    ["503", answering(503), 1],
    ["429", answering(429), 0],
    ["404", answering(404), 0],
    ["unreachable", failing({ cause: "upstream-unreachable" }), 1],
    ["invalid", failing({ cause: "upstream-invalid" }), 1],
    ["late", failing({ cause: "deadline-exceeded" }), 1],
    ["refused by another layer", failing({ cause: "rate-limited", retryAfterMs: 1, violated: "steady" }), 0],
    ["without endpoint", failing({ cause: "no-endpoint" }), 0],
    ["a bug", async () => Promise.reject(new TypeError("bug")), 0],
  ])("an upstream that is or answers %s", async (_, next, failed) => {
    await send(next);
    expect(reports.filter((one) => one.failed > 0)).toHaveLength(failed);
  });

  it("takes the echo of a deadline above for a failure, and a caller that left or ran out of time for none", async () => {
    const aborted: Handler = async (call) => {
      call.signal = AbortSignal.abort();
      throw call.signal.reason;
    };
    await send(aborted);
    expect(reports).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    await send(answering(503), new Request("http://shop.example/", { signal: AbortSignal.abort() }));
    await send(aborted, new Request("http://shop.example/", { signal: AbortSignal.abort() }));
    // Callers could otherwise open a healthy backend's breaker by giving it no time.
    await send(async (call) => {
      call.signal = AbortSignal.any([AbortSignal.abort(CALLERS_TIME_IS_UP)]);
      throw call.signal.reason;
    });
    await vi.advanceTimersByTimeAsync(2000);
    expect(reports).toHaveLength(1);
  });

  it("reports the first failure at once, then once a second what has come up", async () => {
    await send(answering(200));
    reports.length = 0;
    await send(answering(200));
    await send(answering(503));
    for (let time = 0; time < 3; time++) await send(answering(time === 1 ? 200 : 503));
    expect(reports).toMatchObject([{ ok: 1, failed: 1, epoch: 3, isolate: "i1", policy }]);
    await vi.advanceTimersByTimeAsync(999);
    expect(reports).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(reports.slice(1)).toMatchObject([{ ok: 1, failed: 2, ageMs: 1000 }]);
    expect(reports[1]!.seq).toBeGreaterThan(reports[0]!.seq);
    await vi.advanceTimersByTimeAsync(5000);
    expect(reports).toHaveLength(2);
  });

  it("reports at once what trips it, though it reported within the second, and once", async () => {
    await fail(4);
    expect(reports).toMatchObject([{ failed: 1 }]);
    await fail(1);
    expect(reports).toMatchObject([{ failed: 1 }, { failed: 4 }]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(reports).toHaveLength(2);
  });

  it("lets the next failure report where a reporter was cut off", async () => {
    const call = callWith({ breaker: object, later: () => {} }, { memory });
    await fail(1);
    vi.spyOn(globalThis, "setTimeout").mockImplementationOnce(() => 0 as never);
    await layer(answering(503))(call);
    await vi.advanceTimersByTimeAsync(1300);
    expect(reports).toHaveLength(1);
    await send(answering(503));
    expect(reports.slice(1)).toMatchObject([{ failed: 2 }]);
  });
});

describe("trips by itself", () => {
  it("at five failures in a row, though the object hangs", async () => {
    onReport = never;
    await fail(4);
    expect(view()).toBe("closed");
    await fail(1);
    expect([view(), await send(answering(200))]).toEqual(["open", "breaker-open"]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(reports.map(({ failed }) => failed)).toEqual([1, 4]);
  });

  it("at the policy's thresholds", async () => {
    for (let time = 0; time < 20; time++) {
      await send(answering(200));
      await send(answering(503));
    }
    expect(view()).toBe("open");
  });

  it("and a fleet that is well does not undo it", async () => {
    await fail(5);
    await vi.advanceTimersByTimeAsync(900);
    expect(await send(answering(200))).toBe("breaker-open");
  });
});

describe("adopts the fleet's state", () => {
  const open: BreakerReply = { kind: "open", forMs: 400, trips: 3, version: 9, epoch: 8 };

  it("when a reply says open, for as long as it says", async () => {
    onReport = async () => open;
    await fail(1);
    const call = callWith({ breaker: object }, { memory });
    await expect(layer(answering(200))(call)).rejects.toMatchObject({
      denial: { cause: "breaker-open", retryAfterMs: 400 },
    });
    expect(probes).toEqual([]);
    await vi.advanceTimersByTimeAsync(400);
    expect(await send(answering(200))).toBe(200);
    expect(probes).toMatchObject([{ epoch: 3, policy }]);
  });

  it("unless a newer one was heard", async () => {
    onReport = async () => ({ ...fleetClosed, version: 10 });
    await fail(1);
    onReport = async () => open;
    await vi.advanceTimersByTimeAsync(1000);
    await fail(1);
    expect(view()).toBe("closed");
  });

  it("and hears of the epoch", async () => {
    onReport = async () => open;
    const call = callWith({ breaker: object }, { memory });
    await layer(answering(503))(call);
    await vi.advanceTimersByTimeAsync(0);
    expect(call.heard).toEqual([8]);
  });
});

describe("once the open time has passed", () => {
  const half = (granted: boolean): ProbeReply => ({
    kind: "half-open",
    forMs: granted ? 0 : 700,
    trips: 1,
    version: 20,
    epoch: 3,
    granted,
  });
  beforeEach(async () => {
    await fail(5);
    await vi.advanceTimersByTimeAsync(1000);
    reports = [];
  });

  it.each<[string, Handler, "ok" | "failed" | "ignored", Breaker["kind"], unknown]>([
    ["answers", answering(200), "ok", "closed", 200],
    ["fails", answering(500), "failed", "open", 500],
    ["cannot be judged", failing({ cause: "no-endpoint" }), "ignored", "half-open", "no-endpoint"],
  ])("a granted probe that %s brings its permit back", async (_, next, outcome, kind, seen) => {
    onProbe = async () => half(true);
    onReport = never;
    expect(await send(next)).toBe(seen);
    expect(reports).toMatchObject([{ settled: { permit: probes[0]!.permit, outcome } }]);
    expect(view()).toBe(kind);
    // A reply that does not come is asked for once more, under the same number.
    await vi.advanceTimersByTimeAsync(250);
    expect(reports.map(({ seq }) => seq)).toEqual([reports[0]!.seq, reports[0]!.seq]);
  });

  it("a permit is brought back until that is heard, and then no more", async () => {
    onProbe = async () => half(true);
    onReport = never;
    await send(answering(200));
    await vi.advanceTimersByTimeAsync(5000);
    const before = reports.length;
    expect(before).toBeGreaterThan(3);
    onReport = async () => ({ kind: "closed", version: 9, epoch: 3 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(reports).toHaveLength(before + 1);
  });

  it("one that is not granted is refused, and nobody asks again until told", async () => {
    onProbe = async () => half(false);
    expect(await send(answering(200))).toBe("breaker-open");
    await vi.advanceTimersByTimeAsync(699);
    expect(await send(answering(200))).toBe("breaker-open");
    expect(probes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await send(answering(200));
    expect(probes).toHaveLength(2);
  });

  it.each<[string, () => Promise<ProbeReply>]>([
    ["hangs", never],
    ["throws", async () => Promise.reject(new Error("overloaded"))],
  ])("an isolate grants its own probe, one at a time, while the object %s", async (_, away) => {
    onProbe = away;
    let finish = (_response: Response): void => {};
    const first = send(() => new Promise((resolve) => (finish = resolve)));
    await vi.advanceTimersByTimeAsync(250);
    expect(await send(answering(200))).toBe("breaker-open");
    finish(new Response());
    expect([await first, view()]).toEqual([200, "closed"]);
  });

  it("a probe without response is cut off, so that its permit is never out for longer", async () => {
    onProbe = async () => half(true);
    const cut = send(
      (call) => new Promise((_, reject) => call.signal!.addEventListener("abort", () => reject(call.signal!.reason))),
    );
    await vi.advanceTimersByTimeAsync(probes[0]!.ttlMs);
    expect(await cut).toBe("deadline-exceeded");
    expect(reports).toMatchObject([{ settled: { outcome: "failed" } }]);
  });

  it("an isolate that alone fails tries by its own permit while the fleet is well", async () => {
    expect(await send(answering(503))).toBe(503);
    expect(view()).toBe("open");
    expect(reports).toMatchObject([{ failed: 1 }]);
    await vi.advanceTimersByTimeAsync(2000);
    expect([await send(answering(200)), view()]).toEqual([200, "closed"]);
  });
});

it("sends exactly as many probes as the policy has, from twenty isolates that share a circuit", async () => {
  const fleet = fleetCircuit(policy);
  const isolates = Array.from({ length: 20 }, (_, index) => newMemory(`i${index}`));
  const upstream = vi.fn<Handler>(async () => new Response(null, { status: 503 }));
  const round = async () => {
    const calls = isolates.map((one) => layer(upstream)(callWith({ breaker: () => fleet }, { memory: one })));
    await Promise.allSettled(calls);
    await vi.advanceTimersByTimeAsync(0);
  };
  // Twenty failures open the fleet's circuit; the last isolate hears of it at once, the others at their next report.
  await round();
  await vi.advanceTimersByTimeAsync(1000);
  await round();
  const sent: number[] = [];
  for (let second = 1; second <= 8; second++) {
    upstream.mockClear();
    await round();
    sent.push(upstream.mock.calls.length);
    await vi.advanceTimersByTimeAsync(1000);
  }
  // Opened for 2 s at 1 s, then for 4 s at 3 s: one probe at the end of each, of all twenty.
  expect(sent).toEqual([0, 0, 1, 0, 0, 0, 1, 0]);
  upstream.mockImplementation(async () => new Response("well"));
  await vi.advanceTimersByTimeAsync(8000);
  upstream.mockClear();
  await round();
  expect(upstream).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1000);
  await round();
  expect(upstream).toHaveBeenCalledTimes(21);
});

describe("two isolates that share a circuit", () => {
  let memories: Map<string, Memory>;
  let fleet: FakeCircuit;
  let upstream: (isolate: string) => Response;
  beforeEach(() => {
    memories = new Map(["a", "b"].map((id) => [id, newMemory(id)]));
    fleet = fleetCircuit(policy);
    upstream = () => new Response();
  });
  const from = async (isolate: string, times = 1) => {
    let once = false;
    for (let time = 0; time < times; time++) {
      const call = callWith({ breaker: () => fleet }, { memory: memories.get(isolate)! });
      await layer(async () => upstream(isolate))(call).catch(() => {});
      once = call.once;
      await vi.advanceTimersByTimeAsync(0);
    }
    return once;
  };
  const stand = (isolate: string) => memories.get(isolate)!.circuits.get("shop")!.view.kind;

  it("one that fails alone opens for itself, and for nobody else; the fleet knows that it has", async () => {
    upstream = (isolate) => new Response(null, { status: isolate === "a" ? 503 : 200 });
    await from("b");
    for (let second = 0; second < 60; second++) {
      await from("a", 6);
      await from("b", 6);
      expect([stand("b"), fleet.kind()]).toEqual(["closed", "closed"]);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(stand("a")).not.toBe("closed");
    expect(fleet.callers()).toEqual({ seen: 2, open: ["a"] });
    upstream = () => new Response();
    for (let second = 0; second < 10; second++, await vi.advanceTimersByTimeAsync(1000)) {
      await from("a");
      await from("b");
    }
    expect([stand("a"), fleet.callers()]).toEqual(["closed", { seen: 2, open: [] }]);
  });

  it("both that fail open it for all, and so does the only one that calls", async () => {
    upstream = () => new Response(null, { status: 503 });
    await from("a", 5);
    expect(fleet.kind()).toBe("open");
    fleet = fleetCircuit(policy);
    memories = new Map(["a", "b"].map((id) => [id, newMemory(id)]));
    upstream = (isolate) => new Response(null, { status: isolate === "a" ? 503 : 200 });
    await from("b");
    await from("a", 5);
    expect(fleet.kind()).toBe("closed");
    upstream = () => new Response(null, { status: 503 });
    await from("b", 5);
    expect([fleet.kind(), stand("b")]).toEqual(["open", "open"]);
  });

  it("hear of a backend's Retry-After from each other, and retry no call until then", async () => {
    upstream = () => new Response(null, { status: 429, headers: { "retry-after": "30" } });
    expect([await from("a"), await from("a")]).toEqual([false, true]);
    upstream = () => new Response();
    // With the reply to its first word.
    expect([await from("b"), await from("b")]).toEqual([false, true]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([await from("a"), await from("b")]).toEqual([false, false]);
  });

  it("retry no call while more than a quarter of all fail", async () => {
    let calls = 0;
    upstream = () => new Response(null, { status: calls++ % 3 === 0 ? 503 : 200 });
    for (let second = 0; second < 5; second++, await vi.advanceTimersByTimeAsync(1000)) await from("a", 30);
    expect(await from("a")).toBe(true);
    upstream = () => new Response();
    for (let second = 0; second < 20; second++, await vi.advanceTimersByTimeAsync(1000)) await from("a", 30);
    expect(await from("a")).toBe(false);
  });
});

describe("an operator's word", () => {
  it.each([
    ["open", answering(200), "breaker-open", 200],
    ["closed", answering(503), 503, "breaker-open"],
  ] as const)(
    "holds a circuit %s until its time is up, whatever calls say",
    async (to, next, meanwhile, afterwards) => {
      memory.forced = new Map([["shop", { to, until: Date.now() + 5000 }]]);
      for (let time = 0; time < 10; time++) expect(await send(next)).toBe(meanwhile);
      await vi.advanceTimersByTimeAsync(5000);
      await fail(to === "closed" ? 5 : 0);
      expect(await send(next)).toBe(afterwards);
    },
  );
});

it("answers that are slow open the circuit, and a slow probe opens it again", async () => {
  const slowly = breaker({ kind: "breaker", circuit: "shop", ...policy, failures: 3, slow: { ms: 1000, ratio: 0.5 } });
  const slow: Handler = async () => {
    vi.setSystemTime(Date.now() + 1000);
    return new Response();
  };
  const sendSlow = async () => {
    const call = callWith({ breaker: object }, { memory });
    await slowly(slow)(call);
    await vi.advanceTimersByTimeAsync(0);
  };
  for (let time = 0; time < 3; time++) await sendSlow();
  expect(view()).toBe("open");
  expect(reports[0]).toMatchObject({ ok: 1, failed: 0, slow: 1 });
  await vi.advanceTimersByTimeAsync(1000);
  onProbe = async () => ({ kind: "half-open", forMs: 1000, trips: 1, version: 2, epoch: 3, granted: true });
  onReport = () => Promise.reject(new Error("away"));
  await sendSlow();
  expect(reports.at(-1)).toMatchObject({ settled: { outcome: "failed" } });
});

it("while it ramps up, a share of the calls is refused", async () => {
  const ramping = breaker({ kind: "breaker", circuit: "shop", ...policy, rampMs: 10_000 });
  memory.circuits.set("shop", {
    view: closed(Date.now(), [], 1),
    own: false,
    consecutive: 0,
    version: 0,
    unreported: { ok: 0, failed: 0, slow: 0, since: 0, oldest: Infinity },
    reportAt: 0,
    helloAt: 0,
    onceUntil: 0,
    untoldHold: 0,
    reporterUntil: 0,
  });
  const sendAt = (random: number) =>
    ramping(answering(200))(callWith({ breaker: object, random: () => random }, { memory })).then(
      ({ status }) => status,
      (error: unknown) => (error as Denied).denial.cause,
    );
  expect([await sendAt(0.05), await sendAt(0.15)]).toEqual([200, "breaker-open"]);
  await vi.advanceTimersByTimeAsync(5000);
  expect([await sendAt(0.45), await sendAt(0.55)]).toEqual([200, "breaker-open"]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await sendAt(0.99)).toBe(200);
});
