import { describe, expect, it } from "vitest";
import { type Bucket, full, isFull, lease, type Limit } from "../../../mesh/policies/rate-limit.ts";

const limit: Limit = { requests: 10, windowMs: 1000, burst: 20 };
const from = (holder: string, seq: number, over = {}) => ({ holder, seq, spent: 0, held: 0, want: 1, ...over });
const granted = (state: Bucket, message: ReturnType<typeof from>, now: number, by = limit) =>
  lease(state, message, by, now);

describe("a lease", () => {
  it.each([
    [20, 100, 10],
    [20, 3, 3],
    [20, 0.2, 1],
    [3, 100, 1],
    [1.9, 100, 1],
    [0.9, 100, 0],
  ])("from a level of %d for %d is of %d tokens", (level, want, tokens) => {
    const { reply, state } = granted({ ...full(limit, 0), level }, from("a", 1, { want }), 0);
    expect([reply.tokens, state.level]).toEqual([tokens, level - tokens]);
  });

  it("says with a refusal when the next token is due", () => {
    const empty = { ...full(limit, 0), level: 0.25 };
    expect(granted(empty, from("a", 1), 0).reply).toMatchObject({ tokens: 0, retryAfterMs: 75 });
    // What is out leaves no room to refill: only its end does.
    const one: Limit = { requests: 10, windowMs: 1000, burst: 1 };
    const { state } = granted(full(one, 0), from("a", 1), 0, one);
    expect(granted(state, from("b", 1), 300, one).reply).toMatchObject({ tokens: 0, retryAfterMs: 900, peers: 2 });
    expect(granted(state, from("b", 1), 1199, one).reply.tokens).toBe(0);
    expect(granted(state, from("b", 1), 1200, one).reply.tokens).toBe(1);
  });

  it("takes back what its holder was given and neither spent nor kept", () => {
    const first = granted(full(limit, 0), from("a", 1, { want: 10 }), 0).state;
    const { state, reply } = granted(first, from("a", 2, { spent: 3, held: 2, want: 1 }), 0);
    expect(reply).toMatchObject({ tokens: 1, kept: 2 });
    // 20 - 3 spent - 2 kept - 1 new
    expect(state.level).toBe(14);
  });

  it("does not prolong tokens that it has written off", () => {
    const first = granted(full(limit, 0), from("a", 1, { want: 10 }), 0).state;
    expect(granted(first, from("a", 2, { held: 10 }), 1100).reply.kept).toBe(0);
  });

  it("repeats itself to a repeated message, and gives nothing to an overtaken one", () => {
    const one = granted(full(limit, 0), from("a", 1, { want: 4 }), 0);
    expect(granted(one.state, from("a", 1, { want: 4 }), 500)).toEqual({ state: one.state, reply: one.reply });
    const two = granted(one.state, from("a", 2, { held: 4, want: 2 }), 500);
    const late = granted(two.state, from("a", 1, { want: 4 }), 600);
    expect([late.state, late.reply.tokens, late.reply.kept]).toEqual([two.state, 0, 0]);
  });

  it("of a limit that was lowered leaves no more than the new burst", () => {
    const low = { ...limit, burst: 5 };
    const { state, reply } = granted(full(limit, 0), from("a", 1, { want: 99 }), 0, low);
    expect([reply.tokens, state.level]).toEqual([2, 3]);
  });
});

it("is full again, and may be forgotten, once its leases have lapsed and it has refilled", () => {
  const { state } = granted(full(limit, 0), from("a", 1, { want: 10 }), 0);
  // The level of 10 has room for ten more only when the lease ends, at 1100.
  expect([isFull(state, 1099), isFull(state, 2099), isFull(state, 2100)]).toEqual([false, false, true]);
});
