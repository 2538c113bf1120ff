import { describe, expect, it } from "vitest";
import fc from "fast-check";
import type { Retry } from "../../../mesh/policies/retry.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { deadline } from "../../../workers/edge-proxy/layers/deadline.ts";
import { retry } from "../../../workers/edge-proxy/layers/retry.ts";
import { newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

type RetryLayer = Extract<Policy, { kind: "retry" }>;
const layerWith = (more: Partial<Retry> = {}): RetryLayer => ({
  kind: "retry",
  backend: "b",
  codes: [500],
  serverErrors: false,
  headers: [],
  failures: ["never-sent", "refused", "reset", "timeout"],
  attempts: 2,
  backoff: { baseMs: 25, maxMs: 250, least: false },
  maxRetryAfterMs: 5000,
  largestBody: 65_536,
  budget: { percent: 10, perSecond: 0 },
  ...more,
});

const unreachable = () => Promise.reject(new Denied({ cause: "upstream-unreachable" }));
const status = (code: number) => () => Promise.resolve(new Response(`body of ${code}`, { status: code }));

/** One call through the layer over `answers`, one for each try: what came of it, and what each try had. */
async function run(answers: readonly (() => Promise<Response>)[], more: Partial<Retry> = {}, request = get()) {
  const call = { ...callWith({ random: () => 0 }, { request }), headers: new Headers(request.headers) };
  const tries: { body: string; place: object; signal: AbortSignal | undefined; count: string | null }[] = [];
  const inner: Handler = async (one) => {
    const answer = answers[tries.length];
    const count = one.headers.get("x-envoy-attempt-count");
    tries.push({ body: await new Response(one.body).text(), place: one.place, signal: one.signal, count });
    one.place = { ...one.place, endpoint: tries.length };
    return answer ? answer() : status(200)();
  };
  const layer = retry(layerWith(more))(inner);
  const outcome = await layer(call).then(
    (response) => response.status,
    (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
  );
  return { outcome, tries, attempts: call.attempts };
}

const get = () => new Request("http://shop.example/");
const put = (body: string, length: number | undefined = body.length, method = "PUT") =>
  new Request("http://shop.example/", {
    method,
    body,
    headers: length === undefined ? {} : { "content-length": String(length) },
  });

describe("a call with retries", () => {
  it.each<[string, (() => Promise<Response>)[], unknown, number]>([
    ["that succeeds is made once", [status(200)], 200, 1],
    ["is made again after a code that is named", [status(500), status(500)], 200, 3],
    ["is not made again after another code", [status(503)], 503, 1],
    ["ends with the last answer", [status(500), status(500), status(500)], 500, 3],
    ["is made again when nothing answers", [unreachable, unreachable], 200, 3],
    ["says that its tries are used up", [unreachable, unreachable, unreachable], "retries-exhausted", 3],
    [
      "passes on what is no failure of the backend",
      [() => Promise.reject(new Denied({ cause: "no-endpoint" }))],
      "no-endpoint",
      1,
    ],
  ])("%s", async (_, answers, outcome, attempts) => {
    const result = await run(answers);
    expect([result.outcome, result.tries.length, result.attempts]).toEqual([outcome, attempts, attempts]);
  });

  it("says with each try, the first included, which it is, whatever the caller says", async () => {
    const request = new Request("http://shop.example/", { headers: { "x-envoy-attempt-count": "7" } });
    const { tries } = await run([status(500), status(500)], {}, request);
    expect(tries.map(({ count }) => count)).toEqual(["1", "2", "3"]);
  });

  it("draws each try's endpoint anew, and aborts none by what aborted another", async () => {
    const { tries } = await run([status(500), status(500)]);
    expect(tries.map(({ place, signal }) => [place, signal])).toEqual([
      [{}, undefined],
      [{}, undefined],
      [{}, undefined],
    ]);
  });

  it("sends a body again", async () => {
    const { outcome, tries } = await run([status(500), unreachable], {}, put("hello"));
    expect([outcome, tries.map(({ body }) => body)]).toEqual([200, ["hello", "hello", "hello"]]);
  });

  it.each([
    ["whose body is too large to be kept", put("x", 65_537)],
    ["whose body does not say how large it is", new Request("http://x/", { method: "PUT", body: "x" })],
    ["of a method that may not be repeated", put("x", 1, "POST")],
  ])("%s is made once", async (_, request) => {
    const { outcome, tries } = await run([status(500)], {}, request);
    expect([outcome, tries.length]).toEqual([500, 1]);
  });

  it("is over when the deadline above it leaves no time for another wait", async () => {
    const call = callWith({ random: () => 0 }, { request: get() });
    let tries = 0;
    const inner: Handler = () => {
      tries++;
      return status(500)();
    };
    const layers = deadline({ ms: 40 })(
      retry(layerWith({ attempts: 9, backoff: { baseMs: 30, maxMs: 300, least: true } }))(inner),
    );
    // The second wait would be 60 ms: what the deadline would say then is said at once.
    await expect(layers(call)).rejects.toMatchObject({ denial: { cause: "deadline-exceeded" } });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(tries).toBe(2);
  });

  it("tries again when one try took its time, and says so when all did", async () => {
    const call = callWith({ random: () => 0 }, { request: get() });
    const signals: (AbortSignal | undefined)[] = [];
    const inner: Handler = ({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const layers = retry(layerWith({ codes: [] }))(deadline({ ms: 10 })(inner));
    await expect(layers(call)).rejects.toMatchObject({ denial: { cause: "deadline-exceeded" } });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true, true]);
  });

  it.each([
    ["a probe", { once: true }, 1],
    ["a POST", {}, 1],
    ["a POST under a key that the mesh enforces", { covered: true }, 3],
  ])("%s is made so often", async (_, more, expected) => {
    const call = Object.assign(callWith({ random: () => 0 }, { request: put("x", 1, "POST") }), more);
    let tries = 0;
    await expect(
      retry(layerWith())(() => {
        tries++;
        return unreachable();
      })(call),
    ).rejects.toThrow(Denied);
    expect(tries).toBe(expected);
  });

  it("A non-idempotent request is sent twice only if it provably never reached the upstream, or carries an idempotency key that the mesh enforces", async () => {
    const answers: Record<string, () => Promise<Response>> = {
      "never-sent": () => Promise.resolve(new Response(null, { status: 521, headers: { server: "cloudflare" } })),
      refused: status(425),
      reset: unreachable,
      timeout: () => Promise.reject(new Denied({ cause: "deadline-exceeded" })),
      500: status(500),
      502: status(502),
      503: () => Promise.resolve(new Response(null, { status: 503, headers: { "retry-after": "0" } })),
      521: status(521),
    };
    const proof = ["never-sent", "refused"];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...Object.keys(answers)), { minLength: 1, maxLength: 6 }),
        fc.constantFrom("POST", "PATCH"),
        fc.boolean(),
        async (failures, method, covered) => {
          const call = Object.assign(callWith({ random: () => 0 }, { request: put("x", 1, method) }), { covered });
          const sent: string[] = [];
          const everything = layerWith({
            codes: [500, 502, 503, 521],
            serverErrors: true,
            attempts: 5,
            backoff: { baseMs: 0.1, maxMs: 0.1, least: false },
            budget: { percent: 100, perSecond: 1000 },
          });
          await retry(everything)(async () => {
            const failure = failures[sent.length] ?? "500";
            sent.push(failure);
            return answers[failure]!();
          })(call).catch(() => {});
          const repeated = sent.slice(0, -1);
          expect(covered ? sent.length : repeated.filter((failure) => !proof.includes(failure))).toEqual(
            covered ? 6 : [],
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("a backend that is failing", () => {
  /** Calls that all fail, one after another, in one isolate: how often the backend was called for how many. */
  async function flood(calls: number, answer: () => Promise<Response>, more: Partial<Retry> = {}) {
    const memory = newMemory("i1");
    let reached = 0;
    for (let time = 0; time < calls; time++)
      await retry(layerWith({ backoff: { baseMs: 0.1, maxMs: 0.1, least: false }, ...more }))(() => {
        reached++;
        return answer();
      })(callWith({ random: () => 0 }, { memory, request: get() })).catch(() => {});
    return reached;
  }

  it("is called hardly more often than it would be without retries", async () => {
    expect(await flood(500, status(500))).toBe(502);
  });

  it("and that says when to come back is not called again before", async () => {
    const busy = () => Promise.resolve(new Response(null, { status: 500, headers: { "retry-after": "60" } }));
    expect(await flood(5, busy)).toBe(5);
  });

  it("is not called again by other calls either until then", async () => {
    const memory = newMemory("i1");
    const call = () => callWith({ random: () => 0 }, { memory, request: get() });
    let reached = 0;
    const layer = (response: Response) =>
      retry(layerWith())(async () => {
        reached++;
        return response;
      });
    await layer(new Response(null, { status: 500, headers: { "retry-after": "60" } }))(call());
    await layer(new Response(null, { status: 500 }))(call());
    expect(reached).toBe(2);
  });

  it("is called again after the time that it named, and no earlier", async () => {
    const times: number[] = [];
    const began = performance.now();
    const call = callWith({ random: () => 0 }, { request: get() });
    await retry(layerWith({ attempts: 1 }))(async () => {
      times.push(performance.now() - began);
      return new Response(null, { status: times.length === 1 ? 500 : 200, headers: { "retry-after": "1" } });
    })(call);
    expect(times).toHaveLength(2);
    expect(times[1]).toBeGreaterThanOrEqual(990);
  });
});

describe("what the next hop is told of retries", () => {
  const KEY = "a mesh's key";
  /** What each of the tries carried, and how many there were, of a call that always fails. */
  async function told(claim: string | undefined, meshKey: string) {
    const request = new Request("http://x/", { headers: claim === undefined ? {} : { "selvedge-retries": claim } });
    const carried: string[] = [];
    const call = callWith({ random: () => 0, meshKey }, { request });
    await retry(layerWith())(({ headers }) => {
      carried.push(headers.get("selvedge-retries") ?? "");
      return status(500)();
    })(call);
    return carried;
  }

  it.each<[string, string | undefined, string[]]>([
    ["is what the first hop leaves", undefined, ["1", "0", "0"]],
    ["is what is left of what it was told itself", "1", ["0", "0"]],
    ["is nothing when nothing is left", "0", ["0"]],
    ["is no more than a first hop has, whatever somebody claims", "10", ["1", "0", "0"]],
    ["is what a first hop says, when it was told nothing that means something", "many", ["1", "0", "0"]],
  ])("without a key %s", async (_, claim, expected) => {
    expect(await told(claim, "")).toEqual(expected);
  });

  it("with a key is signed, believed by the next, and by nobody with another key", async () => {
    const [first = "", second = ""] = await told(undefined, KEY);
    expect([first.split(".")[0], second.split(".")[0]]).toEqual(["1", "0"]);
    expect(await told(first, KEY)).toHaveLength(2);
    expect(await told(second, KEY)).toHaveLength(1);
    expect(await told(second, "another key")).toHaveLength(3);
    expect(await told(second.replace(/^0/, "3"), KEY)).toHaveLength(3);
    // Nobody outside can take a mesh's retries away from it, or give it more.
    expect(await told("0", KEY)).toHaveLength(3);
  });
});
