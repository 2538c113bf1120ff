import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BucketReply, BucketRequest } from "../../durable-objects/rate-limit.ts";

/** So slow a refill that no token comes back during a test. */
const limit = { requests: 1, windowMs: 86_400_000, burst: 100 };
let made = 0;
const fresh = () => env.RATE_LIMIT.getByName(`bucket-${made++}`);
type Stub = ReturnType<typeof fresh>;
const from = (holder: string, seq = 1, over: Partial<BucketRequest> = {}): BucketRequest => ({
  holder,
  seq,
  using: 0,
  rho: 0,
  depth: 0,
  credit: 0,
  held: 0,
  spent: 0,
  debt: 0,
  demand: 0,
  unit: 1,
  must: 10,
  room: 0,
  epoch: 1,
  limit,
  ...over,
});
const tokensOf = (reply: BucketReply) => (reply.kind === "lease" ? reply.tokens : 0);
const total = (replies: readonly BucketReply[]) => replies.reduce((sum, reply) => sum + tokensOf(reply), 0);
const stored = (stub: Stub) => runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()].length);
/** Moves what is stored into the past, as if the object had slept for `ms`. */
async function sleep(stub: Stub, ms: number): Promise<void> {
  await runInDurableObject(stub, (_, { storage }) => {
    type Kept = { reserve: { quiet: number; until: number } };
    const kept = storage.kv.get<Kept>("reserve")!;
    kept.reserve.quiet -= ms;
    kept.reserve.until -= ms;
    storage.kv.put("reserve", kept);
  });
  await evictDurableObject(stub);
}

it("lends 50 that ask at once no more than the burst, and all of it to those that go on asking", async () => {
  const bucket = fresh();
  const round = (seq: number) =>
    Promise.all(
      Array.from({ length: 50 }, (_, holder) => bucket.lease(from(`h${holder}`, seq, { using: seq - 1, must: 3 }))),
    );
  const rounds = [await round(1), await round(2)];
  expect(total(rounds.flat())).toBe(100);
});

it("forgets nothing that it lent when it is evicted, and lends nothing before its reserve's second is over", async () => {
  const bucket = fresh();
  expect(total([await bucket.lease(from("a")), await bucket.lease(from("b"))])).toBe(20);
  await evictDurableObject(bucket);
  expect(await bucket.lease(from("c"))).toMatchObject({ kind: "wait" });
  await sleep(bucket, 60_000);
  let sum = 0;
  for (let holder = 0; holder < 20; holder++) sum += tokensOf(await bucket.lease(from(`d${holder}`)));
  // Of the 80 that were left, half as many as had just been lent count as lent: they are lost, not lent twice.
  expect([sum >= 70, sum <= 80]).toEqual([true, true]);
});

it("loses none of a small quota when it is evicted, if its calls come one by one", async () => {
  const bucket = fresh();
  await bucket.lease(from("h", 1, { must: 1 }));
  await sleep(bucket, 60_000);
  await bucket.lease(from("h", 2, { must: 1 }));
  await sleep(bucket, 60_000);
  expect(await bucket.show()).toMatchObject({ lent: 0, leases: 0 });
  expect((await bucket.show())!.level).toBeGreaterThanOrEqual(98);
});

it("writes once a second, and in a burst each time that it has become half as large again", async () => {
  const bucket = fresh();
  const steady = { requests: 1000, windowMs: 1000, burst: 5000 };
  const reserves = new Set<string>();
  for (let holder = 0; holder < 40; holder++) {
    await bucket.lease(from(`h${holder}`, 1, { limit: steady, must: 50 }));
    reserves.add(await runInDurableObject(bucket, (_, { storage }) => JSON.stringify(storage.kv.get("reserve"))));
  }
  expect(reserves.size).toBeLessThan(20);
});

it("gives a repeated message the same answer", async () => {
  const bucket = fresh();
  const first = await bucket.lease(from("h"));
  expect(await bucket.lease(from("h"))).toEqual(first);
  expect(await bucket.lease(from("h", 0))).toMatchObject({ kind: "wait" });
});

it("names the newest epoch, and goes by its limit", async () => {
  const bucket = fresh();
  await bucket.lease(from("h", 1, { epoch: 5, limit: { ...limit, burst: 2 }, must: 1 }));
  expect(await bucket.lease(from("old", 1, { epoch: 4 }))).toMatchObject({ tokens: 1, epoch: 5 });
  expect(await bucket.lease(from("older", 1, { epoch: 3 }))).toMatchObject({ tokens: 0, epoch: 5 });
});

it("is deleted once it has been full and idle for a minute, and is then as good as new", async () => {
  const bucket = fresh();
  const quick = { ...limit, windowMs: 1 };
  await bucket.lease(from("h", 1, { limit: quick }));
  expect([await runDurableObjectAlarm(bucket), await stored(bucket)]).toEqual([true, 1]);
  await sleep(bucket, 120_000);
  expect([await runDurableObjectAlarm(bucket), await stored(bucket)]).toEqual([true, 0]);
  expect(await bucket.lease(from("h", 2, { limit: quick }))).toMatchObject({ tokens: 10 });
  expect([await stored(bucket), await runDurableObjectAlarm(bucket)]).toEqual([1, true]);
});

it("is kept as long as it is not full", async () => {
  const bucket = fresh();
  await bucket.lease(from("h"));
  await sleep(bucket, 120_000);
  expect([await runDurableObjectAlarm(bucket), await stored(bucket)]).toEqual([true, 1]);
});

it("is shown while somebody asks it, and filled up but for what is lent, through an eviction", async () => {
  const stub = fresh();
  expect([await stub.show(), await stub.fillUp()]).toEqual([undefined, false]);
  await stub.lease(from("a", 1, { must: 40 }));
  expect(await stub.show()).toMatchObject({ level: 60, lent: 40, leases: 1 });
  await runInDurableObject(stub, (_, { storage }) => {
    // As if forty others had had theirs, and gone.
    const kept = storage.kv.get<{ reserve: { level: number; quiet: number; until: number } }>("reserve")!;
    Object.assign(kept.reserve, { level: 20, quiet: Date.now() - 9000, until: Date.now() - 6000 });
    storage.kv.put("reserve", kept);
  });
  await evictDurableObject(stub);
  expect(await stub.show()).toMatchObject({ leases: 0 });
  expect((await stub.show())!.level).toBeLessThan(21);
  expect(await stub.fillUp()).toBe(true);
  await evictDurableObject(stub);
  expect((await stub.show())!.level).toBeGreaterThan(99);
});
