import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Bucket,
  full,
  isFull,
  lease,
  type LeaseReply,
  type LeaseRequest,
} from "../../../mesh/policies/rate-limit.ts";
import {
  arrive,
  ask,
  giveBack,
  giveShareBack,
  giveUp,
  type Holder,
  isAsking,
  isLow,
  newHolder,
  receive,
  spend,
  spendShare,
} from "../../../mesh/policies/rate-limit-holder.ts";

const reply = (over: Partial<LeaseReply> = {}): LeaseReply => ({
  tokens: 4,
  kept: 0,
  forMs: 1000,
  retryAfterMs: 0,
  peers: 1,
  ...over,
});
/** A holder that asked at 0 and was given `tokens` at 50. */
const holding = (tokens: number): Holder => receive(ask(newHolder("h", 0), 0, 250).holder, 1, reply({ tokens }), 50);

describe("a holder", () => {
  it("spends while it has tokens, and until they lapse, counted from when it asked", () => {
    expect(spend(holding(1), 999)).toMatchObject({ tokens: 0, spent: 1 });
    expect(spend(holding(1), 1000)).toBeUndefined();
    expect(spend(holding(0), 60)).toBeUndefined();
  });

  it("counts what it spent while the message was under way against the tokens that it keeps", () => {
    const asked = ask(holding(4), 500, 250).holder;
    const spent = spend(asked, 510)!;
    expect(receive(spent, 2, reply({ tokens: 3, kept: 4 }), 550)).toMatchObject({ tokens: 6, until: 1500 });
    expect(receive(spent, 2, reply({ tokens: 3, kept: 0 }), 550)).toMatchObject({ tokens: 3 });
  });

  it("has no use for the reply to a message that it gave up", () => {
    const gone = giveUp(ask(newHolder("h", 0), 0, 250).holder, 1, 250, 1);
    expect(receive(gone, 1, reply(), 260)).toBe(gone);
    const again = ask(gone, 300, 250).holder;
    expect(receive(again, 1, reply(), 310)).toBe(again);
  });

  it("takes a token back only while the bucket still counts it as held", () => {
    const spent = spend(holding(4), 60)!;
    expect(giveBack(spent, spent.turn)).toMatchObject({ tokens: 4, spent: 0 });
    const asked = ask(spent, 70, 250).holder;
    expect(giveBack(asked, spent.turn)).toBe(asked);
  });

  it.each<[string, number, number, number, boolean]>([
    ["a single call in its period", 1, 0, 60, false],
    ["few tokens for its demand", 8, 1, 60, true],
    ["tokens enough", 8, 2, 60, false],
    ["tokens about to lapse", 8, 8, 800, true],
  ])("with %s: %i calls, %i tokens at %i asks ahead: %s", (_, calls, tokens, now, low) => {
    let holder = holding(tokens);
    for (let call = 0; call < calls; call++) holder = arrive(holder, 55);
    expect(isLow(holder, now)).toBe(low);
    expect(isLow(ask(holder, now, 250).holder, now)).toBe(false);
  });

  it("asks for as many as it used in the last period, or in this one if that is more", () => {
    const wants = [0, 10, 20, 1100, 3200].reduce<{ holder: Holder; wants: number[] }>(
      (so, now) => {
        const holder = arrive(so.holder, now);
        return { holder, wants: [...so.wants, ask(holder, now, 250).message.want] };
      },
      { holder: newHolder("h", 0), wants: [] },
    );
    expect(wants.wants).toEqual([1, 2, 3, 3, 1]);
  });

  it("backs off with full jitter up to four seconds, and forgets it at the first reply", () => {
    let holder = newHolder("h", 0);
    const waits: number[] = [];
    for (let seq = 1; seq <= 6; seq++) {
      holder = giveUp(ask(holder, 0, 250).holder, seq, 0, 1);
      waits.push(holder.askAt);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 4000]);
    expect(receive(ask(holder, 0, 250).holder, 7, reply(), 0)).toMatchObject({ failures: 0, askAt: 0 });
  });
});

describe("the share of an isolate that cannot ask", () => {
  const limit = { requests: 100, windowMs: 1000, burst: 50 };
  const admitted = (holder: Holder, calls: number, now: number) => {
    let [state, count, retryAfterMs] = [holder, 0, 0];
    for (let call = 0; call < calls; call++) {
      const step = spendShare(state, limit, now);
      state = step.holder;
      retryAfterMs = step.retryAfterMs;
      if (retryAfterMs === 0) count++;
    }
    return { state, count, retryAfterMs };
  };

  it.each([
    [{}, 4],
    [{ peers: 1 }, 40],
    [{ peers: 1000 }, 1],
  ])("%j admits %i at once", (over, count) => {
    expect(admitted({ ...newHolder("h", 0), ...over }, 100, 0).count).toBe(count);
  });

  it("refills at 0.8 of the rate over the isolates", () => {
    const { state, retryAfterMs } = admitted({ ...newHolder("h", 0), peers: 2 }, 100, 0);
    expect(retryAfterMs).toBe(25);
    expect(admitted(state, 100, 250).count).toBe(10);
    expect(admitted(giveShareBack(state), 100, 0).count).toBe(1);
  });
});

/**
 * The invariant (ARCHITECTURE §8.2): in EVERY window, admitted <= burst + rate x window; level >= 0 and
 * level + out <= burst always; after silence the bucket is full again.
 * Events: isolates whose clocks differ and lag, replies and messages lost, late, out of order and repeated, isolates that
 * forget, calls undone, restarts of the object from what it stored, and an old instance that answers without storing.
 */
it("never admits more than burst + rate x window, in any window of any run", () => {
  const isolate = fc.nat({ max: 2 });
  const pickAny = fc.nat({ max: 20 });
  const ms = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(900, 990, 1000, 1099, 1100));
  const event = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("call" as const),
        isolate,
        lag: fc.constantFrom(0, 0, 50, 99),
        times: fc.integer({ min: 1, max: 20 }),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("wait" as const), ms }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("deliver" as const), which: pickAny, keep: fc.boolean() }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant("deliver" as const), which: fc.constant(-1), keep: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), which: pickAny }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("answer" as const), which: fc.constant(-1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("undo" as const), isolate }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), isolate }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("zombie" as const), which: pickAny }) },
  );
  /** The last of `list`, or any. */
  const at = (which: number, list: readonly unknown[]) =>
    which < 0 ? list.length - 1 : which % Math.max(1, list.length);
  const limits = fc.record({
    requests: fc.integer({ min: 1, max: 40 }),
    windowMs: fc.constantFrom(500, 1000, 10_000),
    burst: fc.integer({ min: 1, max: 30 }),
  });

  fc.assert(
    fc.property(limits, fc.array(event, { minLength: 60, maxLength: 200 }), (limit, run) => {
      const rate = limit.requests / limit.windowMs;
      let now = 1_000_000;
      let names = 0;
      const clock = (who: number) => now + who * 12_345;
      const holders = [0, 1, 2].map((who) => newHolder(`h${names++}`, clock(who)));
      const mail: { who: number; message: LeaseRequest }[] = [];
      const replies: { who: number; holder: string; seq: number; reply: LeaseReply }[] = [];
      let stored = JSON.stringify(full(limit, now));
      let bucket = JSON.parse(stored) as Bucket;
      let old = bucket;
      const admitted: { at: number; who: number; turn: number; holder: string }[] = [];

      for (const step of run) {
        switch (step.do) {
          case "wait":
            now += step.ms;
            break;
          case "call":
            for (let call = 0; call < step.times; call++) {
              const { isolate: who } = step;
              const local = clock(who) - step.lag;
              let holder = arrive(holders[who]!, local);
              if (holder.asking && !isAsking(holder, local)) holder = giveUp(holder, holder.seq, local, 0);
              const spent = spend(holder, local);
              if (spent) admitted.push({ at: now, who, turn: spent.turn, holder: spent.id });
              holder = spent ?? holder;
              if (spent ? isLow(holder, local) : !isAsking(holder, local) && local >= holder.askAt) {
                const asked = ask(holder, local, 250);
                holder = asked.holder;
                mail.push({ who, message: asked.message });
              }
              holders[who] = holder;
            }
            break;
          case "deliver": {
            const index = at(step.which, mail);
            const found = mail[index];
            if (!found) break;
            if (!step.keep) mail.splice(index, 1);
            const { state, reply: answer } = lease(bucket, found.message, limit, now);
            bucket = state;
            if (answer.tokens > 0) stored = JSON.stringify(state);
            replies.push({ who: found.who, holder: found.message.holder, seq: found.message.seq, reply: answer });
            break;
          }
          case "answer": {
            const found = replies.splice(at(step.which, replies), 1)[0];
            const holder = found && holders[found.who]!;
            if (found && holder!.id === found.holder)
              holders[found.who] = receive(holder!, found.seq, found.reply, clock(found.who));
            break;
          }
          case "undo": {
            const index = admitted.findLastIndex(({ who }) => who === step.isolate);
            const [last] = index < 0 ? [] : admitted.splice(index, 1);
            if (last && holders[last.who]!.id === last.holder)
              holders[last.who] = giveBack(holders[last.who]!, last.turn);
            break;
          }
          case "forget":
            holders[step.isolate] = newHolder(`h${names++}`, clock(step.isolate));
            break;
          case "restart":
            old = bucket;
            bucket = JSON.parse(stored) as Bucket;
            break;
          case "zombie": {
            // Its write is refused, so that its reply never leaves.
            const found = mail[at(step.which, mail)];
            if (found) old = lease(old, found.message, limit, now).state;
            break;
          }
        }
        const out = Object.values(bucket.out).reduce((sum, { tokens }) => sum + tokens, 0);
        expect(bucket.level).toBeGreaterThanOrEqual(0);
        expect(bucket.level + out).toBeLessThanOrEqual(limit.burst + 1e-6);
      }

      const excess = admitted.flatMap((start, first) =>
        admitted
          .slice(first)
          .map((end, more) => more + 1 - limit.burst - rate * (end.at - start.at))
          .filter((over) => over > 1e-6),
      );
      expect(excess).toEqual([]);
      expect(isFull(bucket, now + 1100 + Math.ceil(limit.burst / rate) + 1)).toBe(true);
    }),
    { numRuns: 1500 },
  );
});
