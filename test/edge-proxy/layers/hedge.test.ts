import { describe, expect, it } from "vitest";
import { newPace, type Pace } from "../../../mesh/policies/hedge.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { hedge } from "../../../workers/edge-proxy/layers/hedge.ts";
import { newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

const layer = hedge({ kind: "hedge", scope: "r", percentile: 0.95, leastMs: 5, share: 0.04 });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One call through the layer with a delay of 20 ms; `copies` is what becomes of the first sending, the second and so on. */
async function run(
  copies: readonly Handler[],
  request = new Request("http://x/"),
  more: object = {},
  pace: Partial<Pace> = {},
) {
  const memory = newMemory("i1");
  memory.paces.set("r", { ...newPace(), delayMs: 20, tokens: 4, ...pace });
  const call = Object.assign(callWith({}, { memory, request }), more);
  const sent: (AbortSignal | undefined)[] = [];
  const claims: (string | null)[] = [];
  const counts: (string | null)[] = [];
  const outcome = await layer((one) => {
    sent.push(one.signal);
    claims.push(one.headers.get("selvedge-retries"));
    counts.push(one.headers.get("x-envoy-attempt-count"));
    return copies[sent.length - 1]!(one);
  })(call).then(
    (response) => response.text(),
    (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
  );
  await pause(10);
  const { attempts, hedges, place } = call;
  return { outcome, aborted: sent.map((signal) => signal?.aborted ?? false), attempts, hedges, place, claims, counts };
}

const after =
  (ms: number, body: string, status = 200): Handler =>
  async () => {
    await pause(ms);
    return new Response(body, { status });
  };
const broken: Handler = () => Promise.reject(new Denied({ cause: "upstream-unreachable" }));

describe("a request that takes longer than most", () => {
  it.each<[string, Handler[], string, boolean[]]>([
    ["is not sent twice when its answer comes in time", [after(1, "first")], "first", [false]],
    [
      "is answered by the copy, and what was slow is aborted",
      [after(200, "first"), after(1, "copy")],
      "copy",
      [true, false],
    ],
    ["is answered by the first after all", [after(60, "first"), after(200, "copy")], "first", [false, true]],
    ["is answered by the first when the copy fails", [after(60, "first"), broken], "first", [false, true]],
    [
      "is answered by the copy when the first fails later",
      [after(40, "bad", 503), after(60, "copy")],
      "copy",
      [true, false],
    ],
    ["fails as the first of two that fail", [after(60, "bad", 503), broken], "upstream-unreachable", [true, false]],
    ["that fails in time is not sent twice", [broken], "upstream-unreachable", [false]],
  ])("%s", async (_, copies, outcome, aborted) => {
    const result = await run(copies);
    expect([result.outcome, result.aborted, result.attempts, result.hedges]).toEqual([
      outcome,
      aborted,
      copies.length,
      copies.length - 1,
    ]);
  });

  const slow = [after(60, "first"), after(1, "copy")];
  it.each<[string, Request, object, Partial<Pace>]>([
    ["it must not be carried out twice", new Request("http://x/", { method: "POST" }), {}, {}],
    ["it is a probe", new Request("http://x/"), { once: true }, {}],
    ["its body streams", new Request("http://x/", { method: "PUT", body: "x" }), {}, {}],
    ["the budget is spent", new Request("http://x/"), {}, { tokens: 0 }],
    ["nobody knows yet how long answers take", new Request("http://x/"), {}, { delayMs: undefined }],
    ["the tree of calls has no try left", new Request("http://x/"), { passedOn: 0 }, {}],
    ["it is a copy or a retry itself", new Request("http://x/", { headers: { "selvedge-retries": "0" } }), {}, {}],
  ])("is sent once when %s", async (_, request, more, pace) => {
    const { outcome, attempts } = await run(slow, request, more, pace);
    expect([outcome, attempts]).toEqual(["first", 1]);
  });

  it("and still waits when others have filled the spent budget again is copied then", async () => {
    const pace = { ...newPace(), delayMs: 20, tokens: 0 };
    const memory = newMemory("i1");
    memory.paces.set("r", pace);
    const call = callWith({}, { memory, request: new Request("http://x/") });
    let sent = 0;
    const answer = layer((one) => (++sent === 1 ? after(1000, "first") : after(1, "copy"))(one))(call);
    await pause(30);
    expect(sent).toBe(1);
    pace.tokens = 1;
    expect(await (await answer).text()).toBe("copy");
    expect([sent, pace.tokens, call.hedges]).toEqual([2, 0, 1]);
  });

  it("that fails twice is said to have been where it failed first", async () => {
    const at =
      (endpoint: number, then: Handler): Handler =>
      (call) => {
        call.place = { endpoint };
        return then(call);
      };
    const { place } = await run([at(7, (call) => after(40, "")(call).then(() => broken(call))), at(8, broken)]);
    expect(place).toEqual({ endpoint: 8 });
  });

  it("says with each copy which try it is, whatever the caller says", async () => {
    const headers = new Headers({ "x-envoy-attempt-count": "7" });
    expect((await run(slow, new Request("http://x/"), { headers })).counts).toEqual(["1", "2"]);
  });

  it("takes the copy from what it passes on", async () => {
    expect((await run(slow)).claims).toEqual(["2", "0"]);
  });

  it("has a tail five times shorter, at less than a twentieth more load", async () => {
    const memory = newMemory("i1");
    let sent = 0;
    // One answer in forty takes sixty times as long.
    const upstream: Handler = async ({ signal }) => {
      const slowly = sent++ % 40 === 0;
      await Promise.race([
        pause(slowly ? 240 : 4),
        new Promise((resolve) => signal?.addEventListener("abort", resolve)),
      ]);
      return new Response();
    };
    const took: number[] = [];
    const CALLS = 2000;
    for (let begun = 0; begun < CALLS; begun += 20)
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const began = performance.now();
          await layer(upstream)(callWith({}, { memory, request: new Request("http://x/") }));
          took.push(performance.now() - began);
        }),
      );
    // Without hedging, more than one in a hundred takes 240 ms. The first answers only show how long they take.
    const p99 = took.slice(500).toSorted((a, b) => a - b)[Math.floor(1500 * 0.99)]!;
    expect(p99).toBeLessThan(240 / 5);
    expect(sent / CALLS).toBeLessThan(1.05);
  });
});
