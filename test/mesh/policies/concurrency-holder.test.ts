import { beforeEach, describe, expect, it } from "vitest";
import type { PermitReply } from "../../../mesh/policies/concurrency.ts";
import {
  askPermits,
  beginCall,
  beginShared,
  endCall,
  giveBackAfterMs,
  giveUpPermits,
  hasSpare,
  isAskingPermits,
  isPermitsLow,
  miss,
  newPermitHolder,
  type PermitHolder,
  receivePermits,
} from "../../../mesh/policies/concurrency-holder.ts";

const CALL_MS = 5000;
let holder: PermitHolder;
beforeEach(() => {
  holder = newPermitHolder("h", 0);
});
/** Sends a message at `now`, which is answered at once. */
function told(now: number, over: Partial<PermitReply>): ReturnType<typeof askPermits> {
  const message = askPermits(holder, now, 250);
  const reply = { granted: 0, kept: message.keep, forMs: 15_000, scarce: false, most: 100, retryAfterMs: 0, peers: 1 };
  receivePermits(holder, message.seq, { ...reply, ...over }, now, now);
  return message;
}
const begin = (now: number, ...calls: number[]) => calls.map((call) => beginCall(holder, call, CALL_MS, now));

describe("a holder", () => {
  it("begins as many calls as it has permits, and another when one has ended", () => {
    told(0, { granted: 2 });
    expect(begin(0, 1, 2, 3)).toEqual([true, true, false]);
    endCall(holder, 1, 10);
    endCall(holder, 1, 10);
    expect(begin(10, 4, 5)).toEqual([true, false]);
  });

  it("begins no call that could outlast its lease", () => {
    told(0, { granted: 2 });
    expect([beginCall(holder, 1, CALL_MS, 10_001), beginCall(holder, 1, CALL_MS, 10_000)]).toEqual([false, true]);
  });

  it("counts a call that was never heard of again until it must be over", () => {
    told(0, { granted: 1 });
    begin(0, 1);
    // And for as long as cutting it off may take.
    expect([begin(5099, 2), begin(5100, 3)]).toEqual([[false], [true]]);
  });

  it("asks for what it missed, and for a reserve of half as much again and one", () => {
    for (let call = 0; call < 4; call++) miss(holder);
    expect(askPermits(holder, 0, 250)).toMatchObject({ keep: 0, want: 4 });
    receivePermits(holder, 1, reply(4), 0, 0);
    begin(0, 1, 2, 3, 4);
    expect(askPermits(holder, 0, 250)).toMatchObject({ seq: 2, keep: 4, want: 3 });
  });

  it("has no reserve while permits are scarce, and uses no more than its share", () => {
    told(0, { granted: 4, scarce: true, most: 2 });
    expect(begin(0, 1, 2, 3)).toEqual([true, true, false]);
    endCall(holder, 1, 1);
    expect([giveBackAfterMs(holder, 1), hasSpare(holder, 1)]).toEqual([100, true]);
    expect(askPermits(holder, 1, 250)).toMatchObject({ keep: 1, want: 0 });
  });

  it("gives everything back after five seconds without calls", () => {
    told(0, { granted: 3 });
    begin(0, 1);
    endCall(holder, 1, 100);
    expect([giveBackAfterMs(holder, 100), hasSpare(holder, 5099), hasSpare(holder, 5100)]).toEqual([5000, false, true]);
    expect(askPermits(holder, 5100, 250)).toMatchObject({ keep: 0, want: 0 });
    // What was given back is not used, however long the lease was.
    expect(begin(5100, 2)).toEqual([false]);
  });

  it("asks ahead when it uses its last permit, and when half of the time to begin calls in is over", () => {
    told(0, { granted: 2 });
    begin(0, 1);
    expect([isPermitsLow(holder, CALL_MS, 0), isPermitsLow(holder, CALL_MS, 5001)]).toEqual([false, true]);
    begin(0, 2);
    expect(isPermitsLow(holder, CALL_MS, 0)).toBe(true);
  });

  it("uses no reply to a message that it gave up, and waits longer each time", () => {
    const { seq } = askPermits(holder, 0, 250);
    giveUpPermits(holder, seq, 250, 1);
    receivePermits(holder, seq, reply(9), 0, 300);
    expect([holder.permits, holder.askAt, isAskingPermits(holder, 251)]).toEqual([0, 500, false]);
    giveUpPermits(holder, askPermits(holder, 500, 250).seq, 750, 1);
    expect(holder.askAt).toBe(1250);
  });

  it("does not shorten its lease for calls that began when they could last longer", () => {
    told(0, { granted: 2, forMs: 60_000 });
    begin(0, 1);
    told(1000, { forMs: 2000 });
    expect(holder.until).toBe(60_000);
  });

  it.each([
    [10, 100, 8],
    [100, 8, 1],
  ])("of %d isolates takes its share of a limit of %d by itself: %d", (peers, limit, share) => {
    holder.peers = peers;
    const begun = [...Array(20).keys()].filter((call) => beginShared(holder, call, { limit, longestCallMs: 1 }, 0));
    expect(begun.length).toBe(share);
  });
});

const reply = (granted: number): PermitReply => ({
  granted,
  kept: 0,
  forMs: 15_000,
  scarce: false,
  most: 100,
  retryAfterMs: 0,
  peers: 1,
});
