import { beforeEach, describe, expect, it } from "vitest";
import type { ConcurrencyReply, ConcurrencyRequest } from "../../../durable-objects/concurrency.ts";
import { lend, NONE_OUT, type Permits } from "../../../mesh/policies/concurrency.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { concurrency } from "../../../workers/edge-proxy/layers/concurrency.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

const policy = { kind: "concurrency", name: "b", limit: 2, longestCallMs: 60_000, onUnavailable: "share" } as const;
let memory: Memory;
let object: ReturnType<typeof limitObject>;
beforeEach(() => {
  memory = newMemory("i1");
  object = limitObject();
});

/** The object, and how many messages it has had. */
function limitObject() {
  const world = { permits: NONE_OUT as Permits, messages: 0, lend: answer };
  async function answer({ epoch, limit, ...message }: ConcurrencyRequest): Promise<ConcurrencyReply> {
    world.messages++;
    const { state, reply } = lend(world.permits, message, limit, Date.now());
    world.permits = state;
    return { ...reply, epoch };
  }
  return world;
}
const away = { lend: () => Promise.reject(new Error("away")) };

function send(answer: Handler, over: object = {}, stub: Pick<typeof object, "lend"> = object) {
  const call = callWith({ concurrency: () => stub }, { memory });
  const answered = concurrency({ ...policy, ...over })(answer)(call).then(
    (response) => response,
    (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
  );
  return { call, answered };
}
const statusOf = async (answered: Promise<unknown>) => {
  const result = await answered;
  return result instanceof Response ? result.status : result;
};
const ok: Handler = async () => new Response(null);

/** An upstream that answers when it is told to. */
function held(body: BodyInit | null = null) {
  const waiting: (() => void)[] = [];
  const handler: Handler = () =>
    new Promise((resolve) => waiting.push(() => resolve(new Response(body, { status: 200 }))));
  return { handler, waiting };
}

describe("an isolate", () => {
  it("has no more calls under way than it was lent permits, and refuses others", async () => {
    const { handler, waiting } = held();
    const first = [send(handler), send(handler)];
    await expect.poll(() => waiting.length).toBe(2);
    expect(await statusOf(send(ok).answered)).toBe("concurrency-limit");
    waiting[0]!();
    await first[0]!.answered;
    expect(await statusOf(send(ok).answered)).toBe(200);
  });

  it("asks nobody for a call while it has a reserve", async () => {
    for (let time = 0; time < 3; time++) await send(ok, { limit: 100 }).answered;
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = object.messages;
    for (let time = 0; time < 50; time++) expect(await statusOf(send(ok, { limit: 100 }).answered)).toBe(200);
    expect([before, object.messages - before]).toEqual([2, 0]);
  });

  it("counts a call until its response's body has ended or was left", async () => {
    const only = { limit: 1 };
    let end = (): void => {};
    const streaming: Handler = async () =>
      new Response(new ReadableStream({ start: (controller) => void (end = () => controller.close()) }));
    const whole = (await send(streaming, only).answered) as Response;
    expect(await statusOf(send(ok, only).answered)).toBe("concurrency-limit");
    end();
    expect(await whole.text()).toBe("");
    const left = (await send(streaming, only).answered) as Response;
    await left.body!.cancel();
    expect(await statusOf(send(ok, only).answered)).toBe(200);
  });

  it("has its permit back when a call fails", async () => {
    const failing: Handler = () => Promise.reject(new Denied({ cause: "upstream-unreachable" }));
    for (let time = 0; time < 3; time++)
      expect(await statusOf(send(failing, { limit: 1 }).answered)).toBe("upstream-unreachable");
  });

  it("cuts a call off after the longest time that one may last", async () => {
    const { handler } = held();
    expect(await statusOf(send(handler, { longestCallMs: 20 }).answered)).toBe("deadline-exceeded");
  });

  it("gives permits back that are scarce and not in use", async () => {
    const { call, answered } = send(ok, { limit: 1 });
    await answered;
    // The last work is what the call's end left for later.
    for (const work of call.laterWork) await work;
    expect([object.messages, object.permits]).toEqual([2, NONE_OUT]);
  });
});

describe("without the object, a call", () => {
  it.each([
    ["share", 200, "concurrency-limit"],
    ["deny", "concurrency-unavailable", "concurrency-unavailable"],
    ["allow", 200, 200],
  ] as const)("by %s gets %s, and a second one at once %s", async (onUnavailable, one, another) => {
    const { handler, waiting } = held();
    const first = send(handler, { onUnavailable }, away);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const second = send(ok, { onUnavailable }, away);
    expect([await statusOf(second.answered), second.call.standIn]).toEqual([another, "concurrency"]);
    waiting[0]?.();
    expect(await statusOf(first.answered)).toBe(one);
  });
});
