import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { CollectorObject } from "../../durable-objects/collector.ts";
import type { MirrorTally } from "../../mesh/telemetry/mirror-tally.ts";
import type { Flush } from "../../mesh/telemetry/flush.ts";

let made = 0;
const fresh = () => env.COLLECTOR.getByName(`c${made++}`);
/** The types of RPC make arrays of tuples. */
const read = (stub: DurableObjectStub<CollectorObject>) => stub as unknown as CollectorObject;
const second = Math.floor(Date.now() / 1000);

const flush = (over: Partial<Flush> & { readonly requests?: number } = {}): Flush => {
  const { requests = 3, seq = 1, ...rest } = over;
  return {
    isolate: "i1",
    edge: "edge",
    colo: "AMS",
    epoch: 4,
    seq,
    total: { started: requests * seq, finished: requests * seq, failed: 0 },
    inFlight: 0,
    closing: false,
    peak: requests,
    series: [
      {
        caller: "",
        callee: "shop/cart",
        route: "shop/cart",
        rule: "0",
        method: "GET",
        backend: "b",
        class: "2xx",
        cause: "",
      },
    ],
    cells: [[second, 0, requests, 12, requests, 0, 0, 600, 0, [32, requests]]],
    ...rest,
  };
};
const rows = (stub: DurableObjectStub<CollectorObject>, table: "journal" | "parts") =>
  runInDurableObject(stub, (_, { storage }) => storage.sql.exec(`SELECT * FROM ${table}`).toArray().length);

it("counts a flush that arrives twice once, and answers the newest epoch it has heard of", async () => {
  const collector = fresh();
  expect(await collector.flush(flush({ epoch: 7 }))).toEqual({ epoch: 7 });
  expect(await collector.flush(flush({ epoch: 4 }))).toEqual({ epoch: 7 });
  expect((await read(collector).totals()).accounts).toEqual({
    reported: 3,
    undetailed: 0,
    pendingMax: 512,
    lostMax: 0,
  });
});

it("has its exemplars after an eviction", async () => {
  const labels = { caller: "", callee: "shop/cart", route: "shop/cart", class: "2xx" } as const;
  const exemplars = [{ labels, ms: 4, traceId: "0af7651916cd43dd8448eb211c80319c", at: second * 1000 }];
  const collector = fresh();
  await collector.flush(flush({ exemplars }));
  await runDurableObjectAlarm(collector);
  await evictDurableObject(collector);
  expect((await read(collector).totals()).exemplars).toEqual(exemplars);
});

it("has all that it acknowledged after an eviction, stored or not", async () => {
  const collector = fresh();
  for (let seq = 1; seq <= 3; seq++) await collector.flush(flush({ seq }));
  await evictDurableObject(collector);
  await collector.flush(flush({ seq: 4 }));
  await evictDurableObject(collector);
  const { series, accounts } = await read(collector).totals();
  expect(accounts.reported).toBe(12);
  expect(series[0]?.[1]).toEqual([12, 48, 12, 0, 0, 2400, 0, [32, 12], 0]);
});

it("adds its journal up when the alarm comes", async () => {
  const collector = fresh();
  for (let seq = 1; seq <= 3; seq++) await collector.flush(flush({ seq }));
  expect(await rows(collector, "journal")).toBeGreaterThan(0);
  await runDurableObjectAlarm(collector);
  expect(await rows(collector, "journal")).toBe(0);
  const stored = await rows(collector, "parts");
  await evictDurableObject(collector);
  expect((await read(collector).totals()).accounts.reported).toBe(9);
  // Series, isolates, account, and one chunk of each resolution.
  expect(stored).toBe(6);
});

it("answers a stretch of time by the second, from storage as from memory", async () => {
  const collector = fresh();
  await collector.flush(flush());
  await runDurableObjectAlarm(collector);
  await evictDurableObject(collector);
  await collector.flush(flush({ seq: 2 }));
  const range = await read(collector).range(second - 60, second + 60);
  expect(range.slotSeconds).toBe(1);
  expect(range.cells).toEqual([[second, 0, 6, 24, 6, 0, 0, 1200, 0, [32, 6], 0]]);
  expect((await read(collector).range(second + 1, second + 60)).cells).toEqual([]);
});

it("keeps seconds for a quarter of an hour, and hours beyond", async () => {
  const collector = fresh();
  const old = second - 2000;
  await collector.flush(flush({ cells: [[old, 0, 3, 12, 3, 0, 0, 600, 0, [32, 3]]] }));
  await collector.flush(flush({ seq: 2 }));
  await runDurableObjectAlarm(collector);
  const kept = await runInDurableObject(collector, (_, { storage }) =>
    storage.sql
      .exec<{ key: string }>("SELECT key FROM parts WHERE key GLOB 'chunk/*' ORDER BY key")
      .toArray()
      .map(({ key }) => key),
  );
  expect(kept).not.toContain(`chunk/seconds/${old - (old % 20)}`);
  expect(kept).toContain(`chunk/minutes/${old - (old % 600)}`);
  const range = await read(collector).range(second - 3600, second + 1);
  expect(range.slotSeconds).toBe(60);
  expect(range.cells.reduce((sum, [, , requests]) => sum + requests, 0)).toBe(6);
});

it("adds up what came of copies, and has it after an eviction", async () => {
  const collector = fresh();
  const tally = (at: number): MirrorTally => ({
    rule: "shop/cart/0",
    mirror: "Backend/shop/next",
    at,
    same: 2,
    different: 1,
    failed: 0,
    uncompared: 0,
    samples: [{ at, method: "GET", path: "/", differences: [] }],
  });
  await collector.mirrored([tally(1), { ...tally(3), rule: "shop/pay/0" }]);
  await evictDurableObject(collector);
  await collector.mirrored([tally(2)]);
  const [cart, pay] = (await read(collector).mirrors()).toSorted((a, b) => (a.rule < b.rule ? -1 : 1));
  expect([cart?.same, cart?.different, cart?.at, cart?.samples.map(({ at }) => at)]).toEqual([4, 2, 2, [2, 1]]);
  expect([pay?.rule, pay?.same]).toEqual(["shop/pay/0", 2]);
});

it("keeps the five hundred rules and mirrors that it heard of last", async () => {
  const collector = fresh();
  const tally = { mirror: "m", same: 1, different: 0, failed: 0, uncompared: 0, samples: [] };
  await collector.mirrored(Array.from({ length: 501 }, (_, at) => ({ ...tally, rule: `r${at}`, at })));
  const rules = (await read(collector).mirrors()).map(({ rule }) => rule);
  expect([rules.length, rules.includes("r0"), rules.includes("r500")]).toEqual([500, false, true]);
});
