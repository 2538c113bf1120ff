import { describe, expect, it } from "vitest";
import type { Retry } from "../../../mesh/policies/retry.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { deadline } from "../../../workers/edge-proxy/layers/deadline.ts";
import { retry } from "../../../workers/edge-proxy/layers/retry.ts";
import { callWith } from "./call.ts";

const unreachable = () => Promise.reject(new Denied({ cause: "upstream-unreachable" }));
const status = (code: number) => () => Promise.resolve(new Response(`body of ${code}`, { status: code }));

/** One call through the layer over `answers`, one for each try: what came of it, and what each try had. */
async function run(answers: readonly (() => Promise<Response>)[], more: Partial<Retry> = {}, request = get()) {
  const call = callWith({ random: () => 0 }, { request });
  const tries: { body: string; place: object; signal: AbortSignal | undefined }[] = [];
  const inner: Handler = async (one) => {
    const answer = answers[tries.length];
    tries.push({ body: await new Response(one.body).text(), place: one.place, signal: one.signal });
    one.place = { ...one.place, endpoint: tries.length };
    return answer ? answer() : status(200)();
  };
  const layer = retry({ kind: "retry", codes: [500], attempts: 2, ...more })(inner);
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

  it("is over once the deadline above it is, and with it the waiting", async () => {
    const call = callWith({ random: () => 0 }, { request: get() });
    let tries = 0;
    const inner: Handler = () => {
      tries++;
      return status(500)();
    };
    const layers = deadline({ ms: 40 })(retry({ kind: "retry", codes: [500], attempts: 9, backoffMs: 30 })(inner));
    await expect(layers(call)).rejects.toMatchObject({ denial: { cause: "deadline-exceeded" } });
    const then = tries;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([then, tries]).toEqual([2, 2]);
  });

  it("tries again when one try took its time, and says so when all did", async () => {
    const call = callWith({ random: () => 0 }, { request: get() });
    const signals: (AbortSignal | undefined)[] = [];
    const inner: Handler = ({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const layers = retry({ kind: "retry", codes: [], attempts: 2 })(deadline({ ms: 10 })(inner));
    await expect(layers(call)).rejects.toMatchObject({ denial: { cause: "deadline-exceeded" } });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true, true]);
  });
});
