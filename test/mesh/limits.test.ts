import { describe, expect, it } from "vitest";
import { type BucketUse, busiest, isMeant, limitOf } from "../../mesh/limits.ts";
import { addTo } from "../../mesh/policies/flow.ts";
import { type Holder, newHolder, refuse } from "../../mesh/policies/rate-limit-holder.ts";
import { forgetWaits, holderOf, type RateLimit } from "../../mesh/policies/rate-limit.ts";

const limit: RateLimit = { name: "ns/p/l", key: [], requests: 10, windowMs: 1000, burst: 10, onUnavailable: "share" };

function used(wanted: number, refused = 0): Holder {
  const holder = newHolder("i", 0);
  addTo(holder.demand, wanted, 0);
  for (let call = 0; call < refused; call++) refuse(holder, 0);
  return holder;
}
const names = (uses: readonly BucketUse[]) => uses.map(({ bucket }) => bucket);

describe("an isolate names", () => {
  it("what is wanted and refused, a second", () => {
    // A flow is over three seconds.
    expect(busiest([["ns/p/l/[]", used(30, 6)]], 0)).toEqual([{ bucket: "ns/p/l/[]", wanted: 10, refused: 2 }]);
  });

  it("of each limit the five buckets that are wanted most, and the five that refuse most, these first", () => {
    const calm = Array.from({ length: 20 }, (_, n) => [`ns/p/calm/["${n}"]`, used(100 + n)] as const);
    const hot = Array.from({ length: 20 }, (_, n) => [`ns/p/hot/["${n}"]`, used(20 - n, n)] as const);
    expect(names(busiest([...calm, ...hot], 0))).toEqual([
      ...[19, 18, 17, 16, 15].map((n) => `ns/p/hot/["${n}"]`),
      ...[4, 3, 2, 1].map((n) => `ns/p/hot/["${n}"]`),
      ...[19, 18, 17, 16, 15].map((n) => `ns/p/calm/["${n}"]`),
      'ns/p/hot/["0"]',
    ]);
  });

  it("forty buckets at most, and none that nobody has asked for lately", () => {
    const many = Array.from({ length: 60 }, (_, n) => [`ns/p/l${n}/[]`, used(3)] as const);
    expect(busiest(many, 0)).toHaveLength(40);
    expect(busiest(many, 30_000)).toEqual([]);
  });
});

it("a bucket is meant by its policy's, its limit's and its own name, and by no other", () => {
  const bucket = 'ns/p/l/["a/b"]';
  expect(limitOf(bucket)).toBe("ns/p/l");
  expect(["ns/p", "ns/p/l", bucket].every((name) => isMeant(bucket, name))).toBe(true);
  expect(["ns/p/l2", "ns/p/l/[]", "n", `${bucket}x`].some((name) => isMeant(bucket, name))).toBe(false);
});

it("what is reset is waited for no longer, and a local limit begins anew", () => {
  const waiting = { ...newHolder("i", 0), askAt: 60_000 };
  const local = holderOf("j", { ...limit, local: true }, 0);
  const other = { ...newHolder("k", 0), askAt: 60_000 };
  const holders = new Map([
    ["ns/p/l/[]", waiting],
    ["ns/p/m/[]", local],
    ["ns/q/l/[]", other],
  ]);
  forgetWaits(holders, (bucket) => isMeant(bucket, "ns/p"));
  expect([...holders.keys()]).toEqual(["ns/p/l/[]", "ns/q/l/[]"]);
  expect([waiting.askAt, other.askAt]).toEqual([0, 60_000]);
});
