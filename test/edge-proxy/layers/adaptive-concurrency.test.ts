import { beforeEach, describe, expect, it } from "vitest";
import type { Policy } from "../../../mesh/snapshot.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { adaptiveConcurrency } from "../../../workers/edge-proxy/layers/adaptive-concurrency.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { OUTRUN } from "../../../workers/edge-proxy/outcome.ts";
import { callWith } from "./call.ts";

const policy: Extract<Policy, { kind: "adaptive-concurrency" }> = {
  kind: "adaptive-concurrency",
  name: "b",
  least: 2,
  most: 2,
  tolerance: 1.25,
  measureEveryMs: 30_000,
};
let memory: Memory;
beforeEach(() => {
  memory = newMemory("i1");
});
const send = (next: Handler) =>
  adaptiveConcurrency(policy)(next)(callWith({ now: () => 1_000_000 }, { memory })).then(
    ({ status }) => status,
    (error: unknown) => (error instanceof Denied ? error.denial : error),
  );
const answering =
  (status: number): Handler =>
  async () =>
    new Response(null, { status });
const denied =
  (cause: "deadline-exceeded" | "upstream-unreachable"): Handler =>
  () =>
    Promise.reject(new Denied({ cause }));
const aborted =
  (reason: unknown): Handler =>
  (call) => {
    call.signal = AbortSignal.abort(reason);
    return Promise.reject(call.signal.reason as Error);
  };

describe("an isolate", () => {
  it("refuses what is beyond its limit, and lets others begin once a call has ended", async () => {
    const answer = Promise.withResolvers<Response>();
    const first = [send(() => answer.promise), send(() => answer.promise)];
    expect(await send(answering(200))).toEqual({ cause: "concurrency-limit", retryAfterMs: 1000 });
    answer.resolve(new Response());
    expect(await Promise.all(first)).toEqual([200, 200]);
    expect(await send(answering(200))).toBe(200);
  });

  it.each<[string, Handler, object]>([
    ["an answer", answering(404), { took: [1], dropped: false }],
    ["a refusal", answering(503), { took: [], dropped: true }],
    ["a throttling", answering(429), { took: [], dropped: true }],
    ["a try whose time is up", denied("deadline-exceeded"), { took: [], dropped: true }],
    ["a call whose deadline has passed", aborted(undefined), { took: [], dropped: true }],
    ["an error that may have come at once", answering(500), { took: [], dropped: false }],
    ["no answer", denied("upstream-unreachable"), { took: [], dropped: false }],
    ["a copy that was outrun", aborted(OUTRUN), { took: [], dropped: false }],
  ])("learns from %s what it says of the backend's capacity, and counts it no longer", async (_, next, learnt) => {
    await send(next);
    expect(memory.limiters.get("b")).toMatchObject({ ...learnt, inFlight: { now: 0 } });
  });
});
