import { createExecutionContext, createScheduledController, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { ChangeResponse, PublishResponse } from "../../mesh/api.ts";
import control from "../../workers/control/index.ts";
import { accepted, apply, send, service } from "./client.ts";

let applied: ChangeResponse;
let good: Awaited<ReturnType<typeof whole>>;

beforeEach(async () => {
  await reset();
  applied = await apply(service("cart"));
  good = await whole();
});

const { SNAPSHOTS } = env;
const snapshotKey = () => `snapshot/${applied.hash}`;
/** Everything that KV has, as bytes. */
const whole = async (): Promise<Readonly<Record<string, readonly number[]>>> => {
  const { keys } = await SNAPSHOTS.list();
  return Object.fromEntries(
    await Promise.all(
      keys.map(async ({ name }) => [name, [...new Uint8Array((await SNAPSHOTS.get(name, "arrayBuffer"))!)]] as const),
    ),
  );
};
const pointer = () => SNAPSHOTS.get("pointer");
const shardKey = () => Object.keys(good).find((key) => key.startsWith("shard/"))!;
const cut = (key: string) => SNAPSHOTS.put(key, new Uint8Array(good[key]!.slice(0, -1)));
const tamper = (key: string) => SNAPSHOTS.put(key, new Uint8Array(good[key]!.with(-1, 0)));
const publish = async () => (await send("/v1/publish", { method: "POST" })).json<PublishResponse>();

const damages: readonly (readonly [string, readonly string[], () => Promise<void>])[] = [
  ["nothing", [], async () => {}],
  ["a missing pointer", ["pointer"], () => SNAPSHOTS.delete("pointer")],
  ["a pointer that is no JSON", ["pointer"], () => SNAPSHOTS.put("pointer", '{"epoch":1,"ha')],
  ["a pointer of another shape", ["pointer"], () => SNAPSHOTS.put("pointer", '"1"')],
  ["a pointer to a wrong hash", ["pointer"], () => SNAPSHOTS.put("pointer", `{"epoch":1,"hash":"${"0".repeat(64)}"}`)],
  ["a pointer ahead of the truth", ["pointer"], () => SNAPSHOTS.put("pointer", `{"epoch":9,"hash":"${applied.hash}"}`)],
  ["a missing snapshot", ["snapshot"], () => SNAPSHOTS.delete(snapshotKey())],
  ["a snapshot cut short", ["snapshot"], () => cut(snapshotKey())],
  ["a tampered snapshot", ["snapshot"], () => tamper(snapshotKey())],
  ["a missing shard", ["snapshot"], () => SNAPSHOTS.delete(shardKey())],
  ["a shard cut short", ["snapshot"], () => cut(shardKey())],
  ["a tampered shard", ["snapshot"], () => tamper(shardKey())],
  [
    "an empty KV",
    ["snapshot", "pointer"],
    async () => {
      for (const { name } of (await SNAPSHOTS.list()).keys) await SNAPSHOTS.delete(name);
    },
  ],
];

describe.each(damages)("%s", (_, mended, damage) => {
  it("is mended by POST /v1/publish, which tells what it wrote", async () => {
    await damage();
    expect(await publish()).toEqual({ epoch: 1, hash: applied.hash, mended });
    expect(await whole()).toEqual(good);
  });

  it("is mended by the minute's tick", async () => {
    await damage();
    await control.scheduled(createScheduledController(), env, createExecutionContext());
    expect(await whole()).toEqual(good);
  });

  it("is mended by an apply of what is already there", async () => {
    await damage();
    expect(await apply(service("cart"))).toMatchObject({ epoch: 1, changed: false });
    expect(await whole()).toEqual(good);
  });
});

it("makes a new epoch when the lost snapshot cannot be compiled again", async () => {
  // As after a release of control that compiles otherwise: the head names a hash that nothing compiles to any more.
  const lost = "a".repeat(64);
  const config = env.CONFIG.getByName("config");
  await runInDurableObject(config, (_, { storage }) => {
    storage.sql.exec("UPDATE epochs SET hash = ?", lost);
  });
  expect(await publish()).toEqual({ epoch: 2, hash: applied.hash, mended: ["snapshot", "pointer"] });
  expect(await pointer()).toBe(`{"epoch":2,"hash":"${applied.hash}"}`);
  const { pointer: _, ...rest } = good;
  expect(await whole()).toMatchObject(rest);
  expect((await config.history(1))[0]?.message).toMatch("Recompiled");
});

it("takes a newer compiler's snapshot with the next apply, though no resource differs", async () => {
  await runInDurableObject(env.CONFIG.getByName("config"), (_, { storage }) => {
    storage.sql.exec("UPDATE epochs SET hash = ?", "a".repeat(64));
  });
  const answer = await apply(service("cart"));
  expect(answer).toMatchObject({ epoch: 2, hash: applied.hash, changed: true, results: [{ action: "unchanged" }] });
});

it("leaves KV alone while the Config object is empty: what stands there may be all that is left", async () => {
  const before = await whole();
  await runInDurableObject(env.CONFIG.getByName("config"), (_, { storage }) => {
    for (const table of ["epochs", "changes", "bodies"]) storage.sql.exec(`DELETE FROM ${table}`);
  });
  expect(await publish()).toEqual({ epoch: 0, hash: "", mended: [] });
  expect(await whole()).toEqual(before);
});

const forget = () =>
  runInDurableObject(env.CONFIG.getByName("config"), (_, { storage }) => {
    for (const table of ["epochs", "changes", "bodies"]) storage.sql.exec(`DELETE FROM ${table}`);
  });
const report = { id: "e", name: "edge", colo: "local", hash: "a".repeat(64), source: "kv" } as const;

// Edges take only later epochs than their own: a log that began again at 1 would reach none of them.
it("goes on above what KV and the fleet know when the Config object was emptied", async () => {
  await apply(service("cart", 81));
  await forget();
  expect(await apply(service("cart"))).toMatchObject({ epoch: 3, problems: [] });
  expect(await env.FLEET.getByName("fleet").checkIn({ ...report, epoch: 2 })).toMatchObject({ epoch: 3 });
  expect(await pointer()).toMatch('"epoch":3');
});

it("goes on above what edges run when the fleet object and KV were emptied as well", async () => {
  await forget();
  await SNAPSHOTS.delete("pointer");
  await runInDurableObject(env.FLEET.getByName("fleet"), (_, { storage }) => void storage.kv.delete("pointer"));
  await env.FLEET.getByName("fleet").checkIn({ ...report, epoch: 12 });
  expect(await apply(service("cart"))).toMatchObject({ epoch: 13 });
});

it("makes what is left of a log that was restored to an earlier state a later epoch", async () => {
  await apply(service("cart", 81));
  await runInDurableObject(env.CONFIG.getByName("config"), (_, { storage }) => {
    storage.sql.exec("DELETE FROM changes WHERE epoch = 2");
    storage.sql.exec("DELETE FROM epochs WHERE epoch = 2");
  });
  expect(await publish()).toEqual({ epoch: 3, hash: applied.hash, mended: ["epoch", "pointer"] });
  expect(await publish()).toEqual({ epoch: 3, hash: applied.hash, mended: [] });
  expect((await whole())[snapshotKey()]).toEqual(good[snapshotKey()]);
  expect(await env.FLEET.getByName("fleet").newestEpoch()).toBe(3);
});

it("writes manifest and shards back on a rollback to them", async () => {
  await apply(service("cart", 81));
  await SNAPSHOTS.delete(snapshotKey());
  await SNAPSHOTS.delete(shardKey());
  const body = JSON.stringify({ to: 1 });
  await accepted(await send("/v1/rollback", { method: "POST", body }));
  const { pointer: _, ...blobs } = good;
  expect(await whole()).toMatchObject(blobs);
});
