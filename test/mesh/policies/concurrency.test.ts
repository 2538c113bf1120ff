import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isUnused,
  lend,
  NONE_OUT,
  type PermitReply,
  type PermitRequest,
  type Permits,
} from "../../../mesh/policies/concurrency.ts";
import {
  askPermits,
  beginCall,
  endCall,
  giveUpPermits,
  miss,
  newPermitHolder,
  type PermitHolder,
  receivePermits,
} from "../../../mesh/policies/concurrency-holder.ts";

const policy = { limit: 8, longestCallMs: 5000 };
const from = (holder: string, seq: number, keep: number, want: number): PermitRequest => ({ holder, seq, keep, want });
/** The state after these messages, and what the last one was told. */
function after(now: number, ...messages: PermitRequest[]): { state: Permits; reply: PermitReply } {
  let last: { state: Permits; reply: PermitReply } | undefined;
  for (const message of messages) last = lend(last?.state ?? NONE_OUT, message, policy, now);
  return last!;
}

describe("the object", () => {
  it.each<[string, readonly PermitRequest[], Partial<PermitReply>]>([
    ["what is wanted, while there are plenty", [from("a", 1, 0, 2)], { granted: 2, scarce: false, most: 8 }],
    ["half of what is free, and no more", [from("a", 1, 0, 5)], { granted: 4, scarce: false, retryAfterMs: 100 }],
    ["all that is free to one that is alone", [from("a", 1, 0, 9)], { granted: 8, scarce: true, retryAfterMs: 100 }],
    ["nothing where all are out", [from("a", 1, 0, 8), from("b", 1, 0, 1)], { granted: 0, retryAfterMs: 100 }],
    [
      "no more than its share while another waits for its own",
      [from("a", 1, 0, 8), from("b", 1, 0, 1), from("a", 2, 6, 2)],
      { granted: 0, kept: 6, most: 4 },
    ],
    ["what came back", [from("a", 1, 0, 8), from("a", 2, 5, 0), from("b", 1, 0, 4)], { granted: 3, peers: 2 }],
    ["the same to a repeated message", [from("a", 1, 0, 2), from("a", 1, 0, 2)], { granted: 2, kept: 0 }],
    ["nothing to an overtaken one", [from("a", 2, 0, 2), from("a", 1, 0, 2)], { granted: 0, kept: 0 }],
  ])("lends %s", (_, messages, expected) => {
    expect(after(0, ...messages).reply).toMatchObject(expected);
  });

  it("has the permits of a holder that died back once its lease has lapsed, and not before", () => {
    const { state } = after(0, from("dead", 1, 0, 8));
    // 15 s of lease, 2 % of it and one second.
    expect([16_299, 16_300].map((now) => lend(state, from("b", 1, 0, 1), policy, now).reply.granted)).toEqual([0, 1]);
    expect([16_299, 16_300].map((now) => isUnused(state, now))).toEqual([false, true]);
  });

  it("lends no more of a limit that was lowered until enough have come back", () => {
    const low = { ...policy, limit: 2 };
    const { state } = after(0, from("a", 1, 0, 4));
    expect(lend(state, from("b", 1, 0, 1), low, 1).reply.granted).toBe(0);
    const { state: less } = lend(state, from("a", 2, 1, 0), low, 2);
    expect(lend(less, from("b", 2, 0, 2), low, 3).reply.granted).toBe(1);
  });
});

/** Whether its end is heard of. */
type Duration = { readonly ms: number; readonly vanishes: boolean };
type Running = { readonly isolate: number; readonly call: number; readonly end: number };
type Step =
  | { readonly kind: "calls"; readonly isolate: number; readonly of: readonly Duration[] }
  | { readonly kind: "exchange" | "ask" | "give-up" | "kill"; readonly isolate: number }
  | { readonly kind: "deliver" | "reply"; readonly which: number; readonly again: boolean }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "restart" };

/** Isolates whose clocks run at their own pace, a network that loses, delays and repeats, and an object that is evicted. */
class Fleet {
  now = 0;
  running: Running[] = [];
  #object: Permits = NONE_OUT;
  #stored: Permits = NONE_OUT;
  #calls = 0;
  readonly #paces = [0.99, 1, 1.01];
  #holders = this.#paces.map((pace, isolate) => newPermitHolder(`i${isolate}`, this.#clock(pace)));
  readonly #messages: { isolate: number; at: number; message: PermitRequest }[] = [];
  readonly #replies: { isolate: number; at: number; seq: number; holder: string; reply: PermitReply }[] = [];

  take(step: Step): void {
    switch (step.kind) {
      case "calls":
        for (const one of step.of) this.#call(step.isolate, one);
        return;
      case "exchange":
        for (const kind of ["deliver", "reply"] as const) {
          if (kind === "deliver") this.take({ kind: "ask", isolate: step.isolate });
          this.take({ kind, which: 0, again: false });
        }
        return;
      case "ask": {
        const { holder, at } = this.#of(step.isolate);
        this.#messages.push({ isolate: step.isolate, at, message: askPermits(holder, at, 250) });
        return;
      }
      case "deliver": {
        const sent = pick(this.#messages, step);
        if (!sent) return;
        const had = this.#object.out[sent.message.holder]?.permits ?? 0;
        const { state, reply } = lend(this.#object, sent.message, policy, this.now);
        this.#object = state;
        if (had + reply.granted > 0) this.#stored = state;
        this.#replies.push({ ...sent, seq: sent.message.seq, holder: sent.message.holder, reply });
        return;
      }
      case "reply": {
        const found = pick(this.#replies, step);
        if (!found) return;
        const { holder, at } = this.#of(found.isolate);
        if (holder.id === found.holder) receivePermits(holder, found.seq, found.reply, found.at, at);
        return;
      }
      case "give-up": {
        const { holder, at } = this.#of(step.isolate);
        return giveUpPermits(holder, holder.seq, at, 1);
      }
      case "kill":
        this.#holders[step.isolate] = newPermitHolder(`i${step.isolate}.${++this.#calls}`, this.now);
        this.running = this.running.filter(({ isolate }) => isolate !== step.isolate);
        return;
      case "restart":
        this.#object = this.#stored;
        return;
      case "wait":
        this.now += step.ms;
        for (const { isolate, call } of this.running.filter(({ end }) => end <= this.now)) {
          const { holder, at } = this.#of(isolate);
          endCall(holder, call, at);
        }
        this.running = this.running.filter(({ end }) => end > this.now);
    }
  }

  #call(isolate: number, { ms, vanishes }: Duration): void {
    const { holder, at, pace } = this.#of(isolate);
    if (!beginCall(holder, ++this.#calls, policy.longestCallMs, at)) return miss(holder);
    // Cut off when its isolate's clock says so.
    const end = this.now + Math.min(ms, policy.longestCallMs) / pace;
    this.running.push({ isolate, call: vanishes ? -1 : this.#calls, end });
  }

  #clock(pace: number): number {
    return this.now * pace;
  }

  #of(isolate: number): { holder: PermitHolder; at: number; pace: number } {
    const pace = this.#paces[isolate]!;
    return { holder: this.#holders[isolate]!, at: this.#clock(pace), pace };
  }
}

/** One of a list, which stays there to be had once more or does not. */
function pick<T>(list: T[], { which, again }: { readonly which: number; readonly again: boolean }): T | undefined {
  const index = list.length === 0 ? 0 : list.length - 1 - (which % list.length);
  return again ? list[index] : list.splice(index, 1)[0];
}

const isolate = fc.nat({ max: 2 });
const duration = fc.record({ ms: fc.nat({ max: 8000 }), vanishes: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("calls" as const),
      isolate,
      of: fc.array(duration, { minLength: 1, maxLength: 10, size: "max" }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("exchange" as const), isolate }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("ask" as const), isolate }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("give-up" as const, "kill" as const), isolate }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("deliver" as const, "reply" as const),
      which: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 9 }) }),
      again: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 6000 }), fc.nat({ max: 20_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

/**
 * The invariant: permits in use over the fleet never exceed the limit, whatever is lost, repeated, overtaken, killed or
 * restarted, with clocks that run a percent apart. A call uses its permit until it has ended or was cut off.
 */
it("never has more calls under way than the limit", () => {
  let most = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 100, size: "max" }), (steps) => {
      const fleet = new Fleet();
      for (const one of steps) {
        fleet.take(one);
        expect(fleet.running.length).toBeLessThanOrEqual(policy.limit);
        most = Math.max(most, fleet.running.length);
      }
    }),
    { numRuns: 2000 },
  );
  // The limit was reached: the property is not true for want of calls.
  expect(most).toBe(policy.limit);
});
