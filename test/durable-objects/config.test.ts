import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Commit } from "../../durable-objects/config.ts";

let made = 0;
const fresh = () => env.CONFIG.getByName(`config-${made++}`);

const commit = (over: Partial<Commit>): Commit => ({
  base: 0,
  hash: "h",
  author: "ada",
  message: "first",
  at: 1000,
  puts: [],
  deletes: [],
  created: 0,
  configured: 0,
  deleted: 0,
  action: "apply",
  role: "admin",
  ...over,
});

it("starts as an empty mesh at epoch 0", async () => {
  const config = fresh();
  expect(await config.head()).toEqual({ epoch: 0, hash: "" });
  expect(await config.read()).toEqual({ epoch: 0, hash: "", bodies: [] });
  expect(await config.history(10)).toEqual([]);
});

it("keeps everything across eviction", async () => {
  const config = fresh();
  await config.commit(commit({ hash: "one", puts: [{ key: "Service/default/a", body: '{"n":1}' }], created: 1 }));
  await evictDurableObject(config);
  expect(await config.read()).toEqual({ epoch: 1, hash: "one", bodies: ['{"n":1}'] });
  expect(await config.commit(commit({ base: 1, hash: "two" }))).toEqual({ ok: true, epoch: 2 });
});

it("refuses a commit on any base but the one in force, and changes nothing", async () => {
  const config = fresh();
  await config.commit(commit({ hash: "one" }));
  const late = commit({ base: 0, hash: "late", puts: [{ key: "k", body: "{}" }] });
  expect(await config.commit(late)).toEqual({ ok: false, epoch: 1 });
  expect(await config.commit({ ...late, base: 2 })).toEqual({ ok: false, epoch: 1 });
  expect(await config.read()).toEqual({ epoch: 1, hash: "one", bodies: [] });
});

it("lets exactly one of many concurrent commits on one base land", async () => {
  const config = fresh();
  const names = Array.from({ length: 10 }, (_, n) => `writer-${n}`);
  const answers = await Promise.all(
    names.map((name) => config.commit(commit({ hash: name, puts: [{ key: name, body: JSON.stringify(name) }] }))),
  );
  expect(answers.filter(({ ok }) => ok)).toEqual([{ ok: true, epoch: 1 }]);
  const winner = names[answers.findIndex(({ ok }) => ok)];
  expect(await config.read()).toEqual({ epoch: 1, hash: winner, bodies: [JSON.stringify(winner)] });
});

it("tells its history newest first, by the page", async () => {
  const config = fresh();
  for (let base = 0; base < 5; base++) {
    await config.commit(commit({ base, hash: `h${base + 1}`, message: `m${base + 1}`, at: base, configured: base }));
  }
  expect((await config.history(2)).map(({ epoch }) => epoch)).toEqual([5, 4]);
  expect((await config.history(10, 4)).map(({ epoch }) => epoch)).toEqual([3, 2, 1]);
  expect((await config.history(1, 3))[0]).toEqual({
    epoch: 2,
    hash: "h2",
    author: "ada",
    message: "m2",
    at: 1,
    created: 0,
    configured: 1,
    deleted: 0,
  });
});

it("knows no epoch that never was", async () => {
  expect(await fresh().read(1)).toBeUndefined();
});

it("stores equal bodies once", async () => {
  const config = fresh();
  const puts = ["a", "b", "c"].map((key) => ({ key, body: '{"same":true}' }));
  await config.commit(commit({ puts }));
  await runInDurableObject(config, (_, { storage }) => {
    expect(storage.sql.exec("SELECT COUNT(*) AS n FROM bodies").one()).toEqual({ n: 1 });
    expect(storage.sql.exec("SELECT COUNT(*) AS n FROM changes").one()).toEqual({ n: 3 });
  });
});

it("holds a body of just under 2 MB", async () => {
  const config = fresh();
  const body = JSON.stringify("é".repeat(999_000));
  await config.commit(commit({ puts: [{ key: "Backend/default/large", body }] }));
  expect((await config.read())?.bodies).toEqual([body]);
});

// Invariant: whatever was committed in whatever order, `read(n)` is the map as it was after the nth commit, for every
// n up to the head, and stays so; what was changed since any epoch makes of it the head's; the history has one entry an epoch.
it("reads every epoch as a plain map would have it", async () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const step = fc.record({
    puts: fc.dictionary(key, fc.integer({ min: 0, max: 3 })),
    deletes: fc.uniqueArray(key),
    ahead: fc.constantFrom(-1, 1, 7),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const config = fresh();
      const epochs: ReadonlyMap<string, string>[] = [new Map()];
      for (const { puts, deletes, ahead } of steps) {
        const base = epochs.length - 1;
        const changes = {
          puts: Object.entries(puts).map(([name, value]) => ({ key: name, body: JSON.stringify({ name, value }) })),
          deletes: deletes.filter((name) => !(name in puts)),
        };
        expect((await config.commit(commit({ base: base + ahead, ...changes }))).ok).toBe(false);
        expect(await config.commit(commit({ base, hash: `h${base + 1}`, ...changes }))).toEqual({
          ok: true,
          epoch: base + 1,
        });
        const next = new Map(epochs[base]);
        for (const { key: name, body } of changes.puts) next.set(name, body);
        for (const name of changes.deletes) next.delete(name);
        epochs.push(next);
      }
      await evictDurableObject(config);
      const head = await config.head();
      expect(await config.changesSince({ ...head, hash: "another log's" })).toBeUndefined();
      for (const [epoch, mesh] of epochs.entries()) {
        const bodies = [...mesh].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, body]) => body);
        const pointer = { epoch, hash: epoch === 0 ? "" : `h${epoch}` };
        expect(await config.read(epoch)).toEqual({ ...pointer, bodies });
        if (epoch === 0) continue;
        const since = await config.changesSince(pointer);
        expect(since).toMatchObject(head);
        const after = new Map([...mesh, ...since!.changes.map((change) => [change.key, change.body] as const)]);
        for (const [gone, body] of after) if (body === null) after.delete(gone);
        expect(after).toEqual(epochs.at(-1));
      }
      expect((await config.history(100)).map(({ epoch }) => epoch)).toEqual([...epochs.keys()].slice(1).toReversed());
    }),
    { numRuns: 40 },
  );
});

it("the audit log keeps what was done, however many attempts were not let in", async () => {
  const config = fresh();
  await config.commit(commit({ hash: "one" }));
  const attempt = (who: string) => ({ at: 1000, who, role: "viewer" as const, action: "apply", count: 1 });
  for (let from = 0; from < 6000; from += 1000)
    await config.addDenied(Array.from({ length: 1000 }, (_, n) => attempt(`w${from + n}`)));
  await config.addDenied([{ ...attempt("w5999"), count: 4 }]);
  const kept = await config.audit({ limit: 10_000 });
  expect(kept.length).toBeLessThanOrEqual(5101);
  expect(kept.length).toBeGreaterThan(5000);
  expect(kept[0]).toMatchObject({ who: "w5999", outcome: "denied", count: 5 });
  expect(kept.at(-1)).toMatchObject({ action: "apply", outcome: "done", epoch: 1 });
});
