import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BucketRequest } from "../../durable-objects/rate-limit.ts";

/** So slow a refill that no token comes back during a test. */
const limit = { requests: 1, windowMs: 86_400_000, burst: 100 };
let made = 0;
const fresh = () => env.RATE_LIMIT.getByName(`bucket-${made++}`);
type Stub = ReturnType<typeof fresh>;
const from = (holder: string, seq = 1, over: Partial<BucketRequest> = {}): BucketRequest => ({
  holder,
  seq,
  spent: 0,
  held: 0,
  want: 10,
  epoch: 1,
  limit,
  ...over,
});
const total = (replies: readonly { tokens: number }[]) => replies.reduce((sum, { tokens }) => sum + tokens, 0);
const stored = (stub: Stub) => runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()].length);
/** Moves what is stored into the past, as if the object had slept for `ms`. */
async function sleep(stub: Stub, ms: number): Promise<void> {
  await runInDurableObject(stub, (_, { storage }) => {
    type Kept = { bucket: { at: number; out: Record<string, { until: number }> } };
    const kept = storage.kv.get<Kept>("bucket")!;
    kept.bucket.at -= ms;
    for (const lease of Object.values(kept.bucket.out)) lease.until -= ms;
    storage.kv.put("bucket", kept);
  });
  await evictDurableObject(stub);
}

it("leases 50 that ask at once no more than the burst, and all of it to those that go on asking", async () => {
  const bucket = fresh();
  const round = (seq: number) =>
    Promise.all(Array.from({ length: 50 }, (_, holder) => bucket.lease(from(`h${holder}`, seq, { held: 100 }))));
  const rounds = [await round(1), await round(2), await round(3)];
  expect(total(rounds.flat())).toBe(100);
});

it("forgets no lease when it is evicted", async () => {
  const bucket = fresh();
  let sum = 0;
  for (let holder = 0; holder < 40; holder++) {
    sum += (await bucket.lease(from(`h${holder}`))).tokens;
    if (holder % 10 === 0) await evictDurableObject(bucket);
  }
  expect(sum).toBe(100);
  expect(await bucket.lease(from("late"))).toMatchObject({ tokens: 0, kept: 0 });
});

it("gives a repeated message the same tokens, also after eviction", async () => {
  const bucket = fresh();
  const first = await bucket.lease(from("h"));
  expect(await bucket.lease(from("h"))).toEqual(first);
  await evictDurableObject(bucket);
  expect(await bucket.lease(from("h"))).toEqual(first);
});

it("names the newest epoch, and goes by its limit", async () => {
  const bucket = fresh();
  await bucket.lease(from("h", 1, { epoch: 5, limit: { ...limit, burst: 2 } }));
  expect(await bucket.lease(from("old", 1, { epoch: 4 }))).toMatchObject({ tokens: 1, epoch: 5 });
  expect(await bucket.lease(from("older", 1, { epoch: 3 }))).toMatchObject({ tokens: 0, epoch: 5 });
});

it("is deleted once it has been full and idle for a minute, and is then as good as new", async () => {
  const bucket = fresh();
  const quick = { ...limit, windowMs: 1 };
  await bucket.lease(from("h", 1, { limit: quick }));
  expect([await runDurableObjectAlarm(bucket), await stored(bucket)]).toEqual([true, 1]);
  await sleep(bucket, 61_000);
  expect([await runDurableObjectAlarm(bucket), await stored(bucket)]).toEqual([true, 0]);
  expect(await bucket.lease(from("h", 2, { limit: quick }))).toMatchObject({ tokens: 10 });
  expect([await stored(bucket), await runDurableObjectAlarm(bucket)]).toEqual([1, true]);
});

it("is kept as long as it is not full", async () => {
  const bucket = fresh();
  await bucket.lease(from("h"));
  await sleep(bucket, 61_000);
  expect([await runDurableObjectAlarm(bucket), await stored(bucket)]).toEqual([true, 1]);
});
