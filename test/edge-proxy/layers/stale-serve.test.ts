import { describe, expect, it } from "vitest";
import type { Entry, StaleServe } from "../../../mesh/policies/stale-serve.ts";
import type { AnswerStore } from "../../../workers/edge-proxy/answers.ts";
import { type Call, Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { staleServe } from "../../../workers/edge-proxy/layers/stale-serve.ts";
import { newMemory } from "../../../workers/edge-proxy/memory.ts";
import { isGivenUp } from "../../../workers/edge-proxy/outcome.ts";
import { callWith } from "./call.ts";

const POLICY: StaleServe = {
  scope: "shop/cart/0",
  maxStaleMs: 60_000,
  maxBytes: 100,
  collapse: "failing",
  callerHeaders: ["authorization", "cookie"],
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Isolates of one data centre in front of one service; `clock` is what they go by, in milliseconds. */
function dataCentre(policy: Partial<StaleServe> = {}) {
  const stored = new Map<string, Entry>();
  const answers: AnswerStore = {
    get: (key) => Promise.resolve(stored.get(key)),
    put: async (key, entry) => void stored.set(key, entry),
    forget: async (key) => void stored.delete(key),
  };
  const clock = { now: 0 };
  const calls: Call[] = [];
  const isolate = (id = "i1") => {
    const memory = newMemory(id);
    return async (service: Handler, init: RequestInit = {}, more: Partial<Call> = {}) => {
      const request = new Request("http://shop.example/", init);
      const outside = { answers, now: () => (clock.now === 0 ? Date.now() : clock.now) };
      const call = Object.assign(callWith(outside, { memory, request }), more);
      for (const [name, value] of request.headers) call.headers.set(name, value);
      calls.push(call);
      const layer = staleServe({ kind: "stale-serve", ...POLICY, ...policy });
      const said = await layer(service)(call).then(
        async (response) => ({
          status: response.status,
          body: await response.text(),
          age: response.headers.get("age"),
          cacheStatus: response.headers.get("cache-status"),
          headers: response.headers,
        }),
        (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
      );
      const work = async () => {
        // What is done later may leave more for later.
        for (let done = 0; done < call.laterWork.length; done++) await call.laterWork[done];
      };
      return { said, call, work };
    };
  };
  return { isolate, clock, stored };
}

const answering =
  (body: string, headers: Record<string, string> = { "cache-control": "max-age=10" }, status = 200): Handler =>
  async (call) => {
    call.progress.sent = true;
    return new Response(body, { status, headers });
  };
const failing = answering("sorry", {}, 503);
const left: Handler = () => Promise.reject(new Denied({ cause: "breaker-open", retryAfterMs: 1 }));

describe("what was kept stands in", () => {
  it.each<[string, Handler, number, string, string]>([
    ["for an error of the service", failing, 30, "40", "selvedge;fwd=stale;ttl=-30;fwd-status=503"],
    ["for one while it is fresh still", failing, -5, "5", "selvedge;fwd=bypass;ttl=5;fwd-status=503"],
    ["for a backend that is left alone", left, 30, "40", 'selvedge;hit;ttl=-30;detail="breaker-open"'],
  ])("%s, and says so", async (_, service, staleS, age, cacheStatus) => {
    const { isolate, clock } = dataCentre();
    clock.now = 1_000_000;
    const get = isolate();
    const first = await get(answering("kept", { "cache-control": "max-age=10", "x-a": "1", "selvedge-epoch": "9" }));
    expect(first.said).toMatchObject({ status: 200, body: "kept", age: null, cacheStatus: null });
    await first.work();
    clock.now += 10_000 + staleS * 1000;
    const { said, call } = await get(service);
    expect(said).toMatchObject({ status: 200, body: "kept", age, cacheStatus });
    expect(call.stoodIn).toBe("stale");
    const { headers } = said as { headers: Headers };
    expect([headers.get("x-a"), headers.get("selvedge-epoch")]).toEqual(["1", null]);
  });

  it("until it is too stale", async () => {
    const { isolate, clock } = dataCentre();
    clock.now = 1_000_000;
    const get = isolate();
    await (await get(answering("kept"))).work();
    clock.now += 70_000;
    expect((await get(left)).said).toBe("breaker-open");
  });

  it("never for an answer that the service gives, an error of the caller's doing included", async () => {
    const { isolate } = dataCentre();
    const get = isolate();
    await (await get(answering("kept"))).work();
    expect((await get(answering("new"))).said).toMatchObject({ body: "new", cacheStatus: null });
    expect((await get(answering("no", {}, 403))).said).toMatchObject({ status: 403, body: "no" });
    const limited: Handler = () =>
      Promise.reject(new Denied({ cause: "rate-limited", retryAfterMs: 1, violated: "a" }));
    expect((await get(limited)).said).toBe("rate-limited");
  });

  it("in every isolate of the data centre", async () => {
    const { isolate } = dataCentre();
    await (await isolate("i1")(answering("kept"))).work();
    expect((await isolate("i2")(failing)).said).toMatchObject({ body: "kept" });
  });

  it("decoded, and with a validator that says so", async () => {
    const { isolate } = dataCentre();
    const get = isolate();
    // As fetch gives it: the body is decoded, the headers are not changed.
    const packed = { "cache-control": "max-age=10", "content-encoding": "gzip", etag: '"1"' };
    await (await get(answering("kept", { ...packed, "content-length": "24" }))).work();
    const { said } = await get(failing);
    const { headers } = said as { headers: Headers };
    expect(said).toMatchObject({ body: "kept" });
    expect([headers.get("content-encoding"), headers.get("content-length"), headers.get("etag")]).toEqual([
      null,
      null,
      'W/"1"',
    ]);
  });

  it("as each of several answers to what was asked, until something is changed", async () => {
    const { isolate } = dataCentre();
    const get = isolate();
    const german = { headers: { "accept-language": "de" } };
    const varied = { "cache-control": "max-age=10", vary: "accept-language" };
    await (await get(answering("Hallo", varied), german)).work();
    await (await get(answering("Hello", varied))).work();
    expect((await get(left, german)).said).toMatchObject({ body: "Hallo" });
    expect((await get(left)).said).toMatchObject({ body: "Hello" });
    expect((await get(left, { headers: { "accept-language": "fr" } })).said).toBe("breaker-open");
    await (await get(answering("done"), { method: "POST" })).work();
    expect((await get(left, german)).said).toBe("breaker-open");
    // A new answer to one is none of the old ones to another.
    await (await get(answering("Hi", varied))).work();
    expect((await get(left)).said).toMatchObject({ body: "Hi" });
    expect((await get(left, german)).said).toBe("breaker-open");
  });

  it("as it was before a change that did not come about", async () => {
    const { isolate } = dataCentre();
    const get = isolate();
    await (await get(answering("kept"))).work();
    await (await get(answering("no", {}, 409), { method: "PUT" })).work();
    expect((await get(left)).said).toMatchObject({ body: "kept" });
  });
});

describe("nothing is kept", () => {
  it.each<[string, Handler, RequestInit, Partial<Call>]>([
    ["of what the service says nothing about", answering("x", {}), {}, {}],
    ["that is private", answering("x", { "cache-control": "private, max-age=10" }), {}, {}],
    ["that was for a cookie", answering("x"), { headers: { cookie: "a=1" } }, {}],
    ["that was for a workload", answering("x"), {}, { identity: { namespace: "a", name: "b", spiffe: "c" } }],
    ["that was for a token", answering("x"), {}, { claims: { sub: "a" } }],
    ["that is too large", answering("x".repeat(101)), {}, {}],
    ["that says that it is", answering("x", { "cache-control": "max-age=10", "content-length": "101" }), {}, {}],
    ["that is shorter than it says", answering("x", { "cache-control": "max-age=10", "content-length": "2" }), {}, {}],
    [
      "of an event stream",
      answering("x", { "cache-control": "max-age=10", "content-type": "text/event-stream" }),
      {},
      {},
    ],
    ["of a part", answering("x", { "cache-control": "max-age=10" }, 206), { headers: { range: "bytes=0-0" } }, {}],
    ["of a HEAD", answering("", { "cache-control": "max-age=10" }), { method: "HEAD" }, {}],
  ])("%s", async (_, service, init, more) => {
    const { isolate, stored } = dataCentre();
    const get = isolate();
    await (await get(service, init, more)).work();
    expect(stored.size).toBe(0);
    expect((await get(left, init, more)).said).toBe("breaker-open");
    expect((await get(left)).said).toBe("breaker-open");
  });
});

it("what is kept for those who do not say who they are is not given to one who does", async () => {
  const { isolate } = dataCentre();
  const get = isolate();
  await (await get(answering("kept"))).work();
  expect((await get(left, { headers: { authorization: "a" } })).said).toBe("breaker-open");
  await (await get(answering("public", { "cache-control": "public, max-age=99" }))).work();
  await (await get(answering("new"), { method: "DELETE" })).work();
  await (await get(answering("public", { "cache-control": "public, max-age=99", "set-cookie": "a=1" }))).work();
  const { said } = await get(left, { headers: { authorization: "a" } });
  expect(said).toMatchObject({ body: "public" });
  expect((said as { headers: Headers }).headers.get("set-cookie")).toBeNull();
});

describe("when the time is nearly up", () => {
  /** Answers once it is let, or left. */
  function held() {
    const letGo = Promise.withResolvers<void>();
    const service: Handler = async (call) => {
      call.progress.sent = true;
      await new Promise<void>((resolve, reject) => {
        letGo.promise.then(resolve, reject);
        call.signal?.addEventListener("abort", () => reject(call.signal?.reason as Error));
      });
      return answering("new")(call);
    };
    return { service, letGo: letGo.resolve };
  }

  it("what was kept is given before it is, and the upstream's own answer is kept for the next", async () => {
    const { isolate } = dataCentre();
    const get = isolate();
    await (await get(answering("old", { "cache-control": "max-age=0, stale-if-error=1" }))).work();
    const { service, letGo } = held();
    let isUp = false;
    setTimeout(() => {
      isUp = true;
    }, 400);
    const { said, work, call } = await get(service, {}, { deadline: Date.now() + 400 });
    letGo();
    expect(isUp).toBe(false);
    expect(said).toMatchObject({ body: "old", cacheStatus: 'selvedge;fwd=stale;ttl=-1;detail="deadline-exceeded"' });
    await work();
    expect(call.signal?.aborted).toBe(false);
    expect((await get(left)).said).toMatchObject({ body: "new" });
  });

  it.each([false, true])("the upstream is left when it is, the caller's own time: %s", async (deadlineIsCallers) => {
    const { isolate } = dataCentre();
    const get = isolate();
    await (await get(answering("old"))).work();
    const { said, work, call } = await get(held().service, {}, { deadline: Date.now() + 100, deadlineIsCallers });
    expect(said).toMatchObject({ body: "old" });
    await work();
    expect([call.signal?.aborted, isGivenUp(call)]).toEqual([true, deadlineIsCallers]);
  });

  it("the upstream has all of it when nothing was kept", async () => {
    const { isolate } = dataCentre();
    const { service, letGo } = held();
    setTimeout(letGo, 250);
    expect((await isolate()(service, {}, { deadline: Date.now() + 300 })).said).toMatchObject({ body: "new" });
  });
});

describe("requests for the same at the same time", () => {
  /** How often the service was asked by ten requests, and what they were told. */
  async function ten(service: Handler, policy: Partial<StaleServe> = {}, init: RequestInit = {}, before = left) {
    const { isolate } = dataCentre(policy);
    const get = isolate();
    await (await get(before)).work();
    let asked = 0;
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        get(async (call) => {
          asked++;
          await pause(50);
          return service(call);
        }, init),
      ),
    );
    await Promise.all(all.map(({ work }) => work()));
    const said = all.map(({ said: one, call }) =>
      typeof one === "string" ? one : `${(one as { body: string }).body} ${call.stoodIn ?? ""}`.trim(),
    );
    return { asked, said };
  }
  const times = (count: number, one: string) => Array.from({ length: count }, () => one);

  it("are one request while the upstream fails", async () => {
    const { asked, said } = await ten(answering("one"));
    expect([asked, said]).toEqual([1, ["one", ...times(9, "one collapsed")]]);
  });

  it("are each their own while it does not, unless the policy wants it", async () => {
    expect((await ten(answering("one"), {}, {}, answering("well"))).asked).toBe(10);
    expect((await ten(answering("one"), { collapse: "always" }, {}, answering("well"))).asked).toBe(1);
    expect((await ten(answering("one"), { collapse: "never" })).asked).toBe(10);
  });

  it("are each their own where they say who makes them, or want to ask for themselves", async () => {
    expect((await ten(answering("one"), {}, { headers: { cookie: "a=1" } })).asked).toBe(10);
    expect((await ten(answering("one"), {}, { headers: { "cache-control": "no-cache" } })).asked).toBe(10);
  });

  it("each have their own answer if it may be meant for one", async () => {
    const { asked, said } = await ten(answering("mine", { "cache-control": "private" }));
    expect([asked, said]).toEqual([10, times(10, "mine")]);
  });

  it("are all refused as the one is", async () => {
    const refusing: Handler = () => Promise.reject(new Denied({ cause: "upstream-unreachable" }));
    expect(await ten(refusing)).toEqual({ asked: 1, said: times(10, "upstream-unreachable") });
  });

  it("get what was kept when the one fails", async () => {
    const { asked, said } = await ten(failing, { collapse: "always" }, {}, answering("kept"));
    expect([asked, said]).toEqual([1, times(10, "kept stale")]);
  });
});
