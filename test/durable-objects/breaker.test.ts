import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BreakerReport, ProbeRequest } from "../../durable-objects/breaker.ts";

const policy = { failures: 5, failureRatio: 0.5, windowMs: 10_000, openMs: 60_000, maxOpenMs: 60_000, probes: 3 };
let made = 0;
const fresh = () => env.BREAKER.getByName(`circuit-${made++}`);
const failing = (seq: number, over: Partial<BreakerReport> = {}): BreakerReport => ({
  isolate: "i1",
  seq,
  epoch: 1,
  policy,
  ok: 0,
  failed: 5,
  ageMs: 0,
  ...over,
});
/** A policy that is open for no time at all: half-open follows at once. */
const brief = { ...policy, openMs: 0 };
const asking = (permit: string, over: Partial<ProbeRequest> = {}): ProbeRequest => ({
  permit,
  ttlMs: 60_000,
  epoch: 1,
  policy: brief,
  ...over,
});
const writes = (stub: ReturnType<typeof fresh>) =>
  runInDurableObject(stub, (_, { storage }) => JSON.stringify([...storage.kv.list()]));

it("opens on the evidence of several isolates, and tells for how long", async () => {
  const circuit = fresh();
  expect(await circuit.report(failing(1, { failed: 4 }))).toMatchObject({ kind: "closed" });
  const reply = await circuit.report(failing(1, { isolate: "i2", failed: 1 }));
  expect(reply).toMatchObject({ kind: "open", trips: 1, forMs: 60_000 });
});

it("counts a report that arrives twice once", async () => {
  const circuit = fresh();
  for (let time = 0; time < 3; time++)
    expect(await circuit.report(failing(1, { failed: 3 }))).toMatchObject({ kind: "closed" });
  expect(await circuit.report(failing(2, { failed: 2 }))).toMatchObject({ kind: "open" });
});

it("stays open across eviction, and remembers the newest epoch", async () => {
  const circuit = fresh();
  const opened = await circuit.report(failing(1, { epoch: 7 }));
  await evictDurableObject(circuit);
  const reply = await circuit.report(failing(2, { epoch: 3, failed: 0 }));
  expect(reply).toMatchObject({ kind: "open", trips: 1, epoch: 7, version: opened.version });
  expect(reply.kind !== "closed" && reply.forMs <= 60_000).toBe(true);
  expect(await circuit.probe(asking("p", { policy }))).toMatchObject({ kind: "open", granted: false });
});

it("gives 20 that ask at once exactly as many permits as the policy has probes", async () => {
  const circuit = fresh();
  await circuit.report(failing(1, { policy: brief }));
  const replies = await Promise.all(Array.from({ length: 20 }, (_, ask) => circuit.probe(asking(`p${ask}`))));
  expect(replies.filter(({ granted }) => granted)).toHaveLength(3);
  await evictDurableObject(circuit);
  expect(await circuit.probe(asking("late"))).toMatchObject({ kind: "half-open", granted: false });
});

it("gives the same permit to one that asks twice", async () => {
  const circuit = fresh();
  await circuit.report(failing(1, { policy: brief }));
  for (let time = 0; time < 5; time++) expect(await circuit.probe(asking("p"))).toMatchObject({ granted: true });
  expect(await circuit.probe(asking("q"))).toMatchObject({ granted: true });
});

it.each([
  ["ok", { kind: "closed" }],
  ["failed", { kind: "open", trips: 2 }],
  ["ignored", { kind: "half-open", trips: 1, forMs: 0 }],
] as const)("a probe that comes back %s leaves the circuit %j, however often it says so", async (outcome, state) => {
  const circuit = fresh();
  await circuit.report(failing(1, { policy: brief }));
  await circuit.probe(asking("p"));
  const back = failing(2, { failed: 0, settled: { permit: "p", outcome } });
  const first = await circuit.report(back);
  expect(first).toMatchObject(state);
  expect((await circuit.report(back)).version).toBe(first.version);
});

it("opens for no isolate alone while another calls, not even across eviction", async () => {
  const circuit = fresh();
  expect(await circuit.report(failing(1, { isolate: "well", ok: 1, failed: 0 }))).toMatchObject({ kind: "closed" });
  await circuit.report(failing(1, { failed: 50, openMs: 1000 }));
  await evictDurableObject(circuit);
  expect(await circuit.report(failing(2, { failed: 50, openMs: 1000 }))).toMatchObject({ kind: "closed" });
  expect((await circuit.show(policy)).callers).toEqual({ seen: 2, open: ["i1"] });
  expect(await circuit.report(failing(2, { isolate: "well", openMs: 1000 }))).toMatchObject({ kind: "open" });
});

it("tells all of a backend's Retry-After, across eviction", async () => {
  const circuit = fresh();
  expect(await circuit.report(failing(1, { ok: 1, failed: 0 }))).not.toHaveProperty("onceMs");
  await circuit.report(failing(2, { failed: 5, holdMs: 60_000 }));
  await evictDurableObject(circuit);
  const { onceMs } = await circuit.probe(asking("p", { policy }));
  expect(onceMs).toBeGreaterThan(50_000);
});

it("names every change of kind by a higher version", async () => {
  const circuit = fresh();
  const versions = [
    await circuit.report(failing(1, { policy: brief })),
    await circuit.probe(asking("p")),
    await circuit.report(failing(2, { failed: 0, settled: { permit: "p", outcome: "failed" }, policy: brief })),
    await circuit.probe(asking("q")),
    await circuit.report(failing(3, { failed: 0, settled: { permit: "q", outcome: "ok" } })),
  ].map(({ version }) => version);
  expect(versions.toSorted((a, b) => a - b)).toEqual(versions);
  expect(new Set(versions).size).toBe(5);
});

it("writes nothing for evidence that changes nothing", async () => {
  const circuit = fresh();
  await circuit.report(failing(1, { failed: 1 }));
  const before = await writes(circuit);
  await circuit.report(failing(2, { failed: 1 }));
  expect(await writes(circuit)).toBe(before);
});

/** ARCHITECTURE §8.3, by its name. */
it("While a breaker is half-open, at most the configured number of probes is in flight in the whole fleet; a lost probe's permit expires", async () => {
  const circuit = fresh();
  await circuit.report(failing(1, { policy: brief }));
  const ask = async (from: string) => {
    const asked = Array.from({ length: 20 }, (_, index) => circuit.probe(asking(`${from}${index}`, { ttlMs: 100 })));
    return (await Promise.all(asked)).filter(({ granted }) => granted).length;
  };
  expect(await ask("a")).toBe(policy.probes);
  expect(await ask("b")).toBe(0);
  await evictDurableObject(circuit);
  // None of them ever comes back: 100 ms that were asked for, and a second's grace.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(await ask("c")).toBe(policy.probes);
  expect(await ask("d")).toBe(0);
});
