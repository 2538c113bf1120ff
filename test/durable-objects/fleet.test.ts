import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { FleetObject } from "../../durable-objects/fleet.ts";
import type { EdgeReport } from "../../mesh/api.ts";

let made = 0;
const fresh = () => env.FLEET.getByName(`fleet-${made++}`);
const edge = (over: Partial<EdgeReport>): EdgeReport => ({
  id: "e1",
  name: "edge",
  colo: "AMS",
  epoch: 1,
  hash: "h1",
  source: "kv",
  ...over,
});
const age = (stub: DurableObjectStub<FleetObject>, ms: number) =>
  runInDurableObject(stub, (_, { storage }) => {
    storage.sql.exec("UPDATE edges SET seen = seen - ?", ms);
  });
const rows = (stub: DurableObjectStub<FleetObject>) =>
  runInDurableObject(stub, (_, { storage }) => storage.sql.exec("SELECT id FROM edges").toArray().length);

it("answers a check-in with the newest pointer it was told", async () => {
  const fleet = fresh();
  expect(await fleet.checkIn(edge({}))).toEqual({ epoch: 0, hash: "" });
  await fleet.announce({ epoch: 2, hash: "h2" });
  expect(await fleet.checkIn(edge({}))).toEqual({ epoch: 2, hash: "h2" });
});

it("never goes back to an older epoch", async () => {
  const fleet = fresh();
  await fleet.announce({ epoch: 3, hash: "h3" });
  await fleet.announce({ epoch: 2, hash: "h2" });
  await evictDurableObject(fleet);
  expect(await fleet.checkIn(edge({}))).toEqual({ epoch: 3, hash: "h3" });
});

it("takes no edge's word for what the newest epoch is", async () => {
  const fleet = fresh();
  await fleet.announce({ epoch: 3, hash: "h3" });
  expect(await fleet.checkIn(edge({ epoch: 99, hash: "h99" }))).toEqual({ epoch: 3, hash: "h3" });
});

it("lists edges with their last report, and keeps them across eviction", async () => {
  const fleet = fresh();
  const nack = { epoch: 2, hash: "h2", reason: "hash mismatch" };
  await fleet.checkIn(edge({ id: "e2", name: "zurich" }));
  await fleet.checkIn(edge({ id: "e1" }));
  await fleet.checkIn(edge({ id: "e1", epoch: 1, source: "cache", nack }));
  await evictDurableObject(fleet);
  const edges = await fleet.edges();
  const ageMs = expect.any(Number) as number;
  expect(edges).toEqual([
    { ...edge({ id: "e1", epoch: 1, source: "cache", nack }), ageMs },
    { ...edge({ id: "e2", name: "zurich" }), ageMs },
  ]);
  expect(Math.max(...edges.map((one) => one.ageMs))).toBeLessThan(10_000);
});

it("writes one row a check-in", async () => {
  const fleet = fresh();
  await fleet.checkIn(edge({}));
  await runInDurableObject(fleet, (object, { storage }) => {
    const written = () => Number(storage.sql.exec("SELECT total_changes() AS n").one().n);
    const before = written();
    object.checkIn(edge({ epoch: 2 }));
    expect(written() - before).toBe(1);
  });
});

it("forgets an edge that has been silent for more than a minute", async () => {
  const fleet = fresh();
  await fleet.checkIn(edge({ id: "gone" }));
  await age(fleet, 61_000);
  await fleet.checkIn(edge({ id: "old" }));
  await age(fleet, 30_000);
  expect((await fleet.edges()).map(({ id, ageMs }) => [id, Math.floor(ageMs / 10_000)])).toEqual([["old", 3]]);
});

it("sweeps the silent when a newcomer checks in, though no one asks for the list", async () => {
  const fleet = fresh();
  for (const id of ["a", "b", "c"]) await fleet.checkIn(edge({ id }));
  await age(fleet, 61_000);
  await fleet.checkIn(edge({ id: "d" }));
  expect(await rows(fleet)).toBe(1);
});

it("adds up what edges say of limits, and tells of resets for a minute, each under a number of its own", async () => {
  const fleet = fresh();
  const use = (bucket: string, wanted: number, refused: number) => ({ bucket, wanted, refused });
  await fleet.checkIn(edge({ id: "e1", limits: [use("a", 1, 0), use("b", 1, 2)] }));
  await fleet.checkIn(edge({ id: "e2", limits: [use("a", 5, 0), use("b", 2, 1)] }));
  await fleet.checkIn(edge({ id: "e2", limits: [use("a", 2, 0), use("b", 2, 1)] }));
  expect(await fleet.uses(10)).toEqual([use("b", 3, 3), use("a", 3, 0)]);
  expect(await fleet.uses(1)).toEqual([use("b", 3, 3)]);
  // They are none of an edge's own report.
  expect((await fleet.edges())[0]).not.toHaveProperty("limits");

  await fleet.reset("ns/p");
  await fleet.reset("ns/q");
  const { resets = [] } = await fleet.checkIn(edge({}));
  expect(resets.map(({ name }) => name)).toEqual(["ns/p", "ns/q"]);
  expect(resets[1]!.at).toBeGreaterThan(resets[0]!.at);
  await runInDurableObject(fleet, (_, { storage }) => {
    storage.sql.exec("UPDATE resets SET at = at - 61000");
    storage.sql.exec("UPDATE uses SET seen = seen - 61000");
  });
  expect(await fleet.checkIn(edge({}))).toEqual({ epoch: 0, hash: "" });
  expect(await fleet.uses(10)).toEqual([]);
});
