import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { ConcurrencyRequest } from "../../durable-objects/concurrency.ts";

const limit = { limit: 10, longestCallMs: 60_000 };
let made = 0;
const fresh = () => env.CONCURRENCY.getByName(`limit-${made++}`);
type Stub = ReturnType<typeof fresh>;
const from = (holder: string, seq: number, over: Partial<ConcurrencyRequest> = {}): ConcurrencyRequest => ({
  holder,
  seq,
  keep: 0,
  want: 1,
  epoch: 1,
  limit,
  ...over,
});
const stored = (stub: Stub) => runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()].length);

it("lends 50 that ask at once no more than the limit, and forgets none when it is evicted", async () => {
  const object = fresh();
  let granted = 0;
  for (let seq = 1; seq <= 3; seq++) {
    const replies = await Promise.all(
      [...Array(50).keys()].map((holder) => object.lend(from(`h${holder}`, seq, { keep: 5 }))),
    );
    granted += replies.reduce((sum, reply) => sum + reply.granted, 0);
    await evictDurableObject(object);
  }
  expect(granted).toBe(10);
});

it("gives a repeated message the same permits, also after eviction", async () => {
  const object = fresh();
  const first = await object.lend(from("h", 1));
  await evictDurableObject(object);
  expect(await object.lend(from("h", 1))).toEqual(first);
});

it("remembers after eviction what came back", async () => {
  const object = fresh();
  await object.lend(from("a", 1, { want: 10 }));
  await object.lend(from("a", 2, { keep: 0, want: 0 }));
  await evictDurableObject(object);
  expect(await object.lend(from("b", 1, { want: 10 }))).toMatchObject({ granted: 10 });
});

it("names the newest epoch, and goes by its limit", async () => {
  const object = fresh();
  await object.lend(from("h", 1, { epoch: 5, limit: { ...limit, limit: 1 } }));
  expect(await object.lend(from("old", 1, { epoch: 4 }))).toMatchObject({ granted: 0, epoch: 5 });
});

it("is deleted once no permit is out, and kept until then", async () => {
  const object = fresh();
  await object.lend(from("h", 1));
  expect([await runDurableObjectAlarm(object), await stored(object)]).toEqual([true, 1]);
  await runInDurableObject(object, (_, { storage }) => {
    type Kept = { permits: { out: Record<string, { until: number }> } };
    const kept = storage.kv.get<Kept>("permits")!;
    for (const loan of Object.values(kept.permits.out)) loan.until = 0;
    storage.kv.put("permits", kept);
  });
  await evictDurableObject(object);
  expect([await runDurableObjectAlarm(object), await stored(object)]).toEqual([true, 0]);
  expect(await object.lend(from("h", 2))).toMatchObject({ granted: 1 });
});
