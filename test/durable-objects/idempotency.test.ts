import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { BeginRequest, SettleRequest } from "../../durable-objects/idempotency.ts";

let made = 0;
const fresh = () => env.IDEMPOTENCY.getByName(`shard-${made++}`);
type Stub = ReturnType<typeof fresh>;
const begin = (owner: string, over: Partial<BeginRequest> = {}): BeginRequest => ({
  id: "k",
  owner,
  fingerprint: "f",
  executionMs: 1000,
  retentionMs: 300_000,
  repeatable: false,
  epoch: 1,
  ...over,
});
const answered = (owner: string, over: Partial<SettleRequest> = {}): SettleRequest => ({
  id: "k",
  owner,
  settled: { kind: "done", stored: { status: 201, headers: [{ name: "location", value: "/1" }] } },
  retentionMs: 300_000,
  ...over,
});
/** Moves all that is stored into the past. */
const sleep = (stub: Stub, ms: number) =>
  runInDurableObject(stub, (_, { storage: { sql } }) => {
    sql.exec(`UPDATE keys SET expires = expires - ${ms}, row = json_set(row, '$.expires', expires - ${ms})`);
    sql.exec(
      `UPDATE keys SET row = json_set(row, '$.until', row ->> 'until' - ${ms}) WHERE row ->> 'until' IS NOT NULL`,
    );
  });
const rows = (stub: Stub) =>
  runInDurableObject(stub, (_, { storage: { sql } }) =>
    ["keys", "bodies"].map((table) => sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`).one().n),
  );

describe("a shard of keys", () => {
  it("gives one of 100 that begin at once leave to run", async () => {
    const shard = fresh();
    const replies = await Promise.all(Array.from({ length: 100 }, (_, n) => shard.begin(begin(`o${n}`))));
    const kinds = replies.map(({ kind }) => kind);
    expect([
      kinds.filter((kind) => kind === "run").length,
      kinds.filter((kind) => kind === "in-flight").length,
    ]).toEqual([1, 99]);
  });

  it("remembers across evictions that a key is running, and what became of it", async () => {
    const shard = fresh();
    await shard.begin(begin("a"));
    await evictDurableObject(shard);
    expect(await shard.begin(begin("b"))).toMatchObject({ kind: "in-flight" });
    await evictDurableObject(shard);
    const body = crypto.getRandomValues(new Uint8Array(60_000));
    await shard.settle(answered("a", { body }));
    await evictDurableObject(shard);
    const replay = await shard.begin(begin("b", { epoch: 7 }));
    expect(replay).toMatchObject({
      kind: "done",
      stored: { status: 201, headers: [{ name: "location", value: "/1" }] },
      epoch: 7,
    });
    expect(replay.body).toEqual(body);
  });

  it("keeps bodies that are larger than a row", async () => {
    const shard = fresh();
    await shard.begin(begin("a"));
    const body = new Uint8Array(5 * 1024 * 1024 + 3).map((_, at) => (at * 31 + (at >> 16)) % 251);
    await shard.settle(answered("a", { body }));
    const reply = await shard.begin(begin("b"));
    expect([reply.body?.length, reply.body?.every((byte, at) => byte === body[at]), await rows(shard)]).toEqual([
      body.length,
      true,
      [1, 6],
    ]);
  });

  it("does not run a key again whose executor died", async () => {
    const shard = fresh();
    await shard.begin(begin("a"));
    await sleep(shard, 20_000);
    expect(await shard.begin(begin("b"))).toMatchObject({ kind: "unknown" });
    expect(await shard.begin(begin("c", { repeatable: true }))).toMatchObject({ kind: "run", attempt: 2 });
    // The first executor's word comes too late.
    await shard.settle(answered("a"));
    expect(await shard.begin(begin("d"))).toMatchObject({ kind: "in-flight" });
  });

  it("forgets a key that was released", async () => {
    const shard = fresh();
    await shard.begin(begin("a"));
    await shard.settle(answered("a", { settled: { kind: "released" } }));
    expect([await rows(shard), (await shard.begin(begin("b"))).kind]).toEqual([[0, 0], "run"]);
  });

  it("deletes what has expired, at most a thousand rows a run, until nothing is left", async () => {
    const shard = fresh();
    await shard.begin(begin("a", { id: "first" }));
    await shard.settle(answered("a", { id: "first", body: new Uint8Array(3) }));
    await runInDurableObject(shard, (_, { storage: { sql } }) => {
      for (let n = 0; n < 1200; n++)
        sql.exec("INSERT INTO keys SELECT ?, expires + 1, row FROM keys WHERE id = 'first'", `k${n}`);
    });
    expect([await runDurableObjectAlarm(shard), await rows(shard)]).toEqual([true, [1201, 1]]);
    await sleep(shard, 400_000);
    expect([await runDurableObjectAlarm(shard), await rows(shard)]).toEqual([true, [202, 0]]);
    // The next run is due at once, and may have been by now.
    await runDurableObjectAlarm(shard);
    expect([await rows(shard), await runDurableObjectAlarm(shard)]).toEqual([[0, 0], false]);
    await shard.begin(begin("b"));
    expect(await runInDurableObject(shard, (_, { storage }) => storage.getAlarm())).not.toBeNull();
  });
});
