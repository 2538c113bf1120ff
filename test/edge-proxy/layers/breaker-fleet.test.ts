/** Many isolates with one circuit, second by second: what an outage costs them, and what is no outage. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { breaker } from "../../../workers/edge-proxy/layers/breaker.ts";
import { newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";
import { fleetCircuit } from "./fleet-circuit.ts";

const policy = { failures: 5, failureRatio: 0.5, windowMs: 10_000, openMs: 1000, maxOpenMs: 30_000, probes: 1 };
const layer = breaker({ kind: "breaker", circuit: "shop", ...policy });
const STEP_MS = 20;

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

/** Numerical Recipes' generator, from one seed: a red run means a change and not bad luck. */
function seeded(): () => number {
  let seed = 7;
  return () => (seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

/** Poisson traffic of `isolates` with `rate` calls a second each, of which `failing` says how likely one fails at a time. */
async function run(
  isolates: number,
  rate: number,
  seconds: number,
  failing: (second: number, isolate: number) => number,
) {
  const random = seeded();
  const circuit = fleetCircuit(policy);
  const memories = Array.from({ length: isolates }, (_, index) => newMemory(`i${index}`));
  let failed = 0;
  const opened: number[] = [];
  for (let ms = 0; ms < seconds * 1000; ms += STEP_MS) {
    const calls = memories.flatMap((memory, index) => {
      if (random() >= (rate * STEP_MS) / 1000) return [];
      const fails = random() < failing(ms / 1000, index);
      const upstream = async () => {
        if (fails) failed++;
        return new Response(null, { status: fails ? 503 : 200 });
      };
      return layer(upstream)(callWith({ breaker: () => circuit, random }, { memory })).catch(() => {});
    });
    await Promise.all(calls);
    await vi.advanceTimersByTimeAsync(STEP_MS);
    if (circuit.kind() !== "closed") opened.push(ms / 1000);
  }
  return { failed, openedAt: opened[0], openFor: opened.length * (STEP_MS / 1000) };
}

const WARM = 25;
// What trips an isolate alone is five; probes come to it.
it.each([
  ["100 isolates with a call a second each", 100, 1, 2.2],
  ["20 isolates with 20 calls a second each", 20, 20, 5.5],
  ["500 isolates with a call in two seconds each", 500, 0.5, 2.2],
])("an upstream that dies fails %s few times each", async (_, isolates, rate, most) => {
  const { failed, openedAt } = await run(isolates, rate, WARM + 10, (second) => (second < WARM ? 0 : 1));
  expect(openedAt).toBeGreaterThanOrEqual(WARM);
  expect(failed / isolates).toBeLessThan(most);
});

it.each<[string, number, number, (second: number, isolate: number) => number]>([
  ["one isolate of 20 that fails alone", 20, 5, (_, isolate) => Number(isolate === 3)],
  ["8 isolates of 20 that fail while others do not", 20, 5, (second, isolate) => Number(second > 5 && isolate < 8)],
  ["one call in five that fails, from 100 isolates", 100, 1, () => 0.2],
  ["one call in five that fails, from 20 that make many", 20, 20, () => 0.2],
  ["one call in five that fails, from 3", 3, 5, () => 0.2],
  ["one call in ten that fails, beginning later", 20, 20, (second) => (second < 20 ? 0 : 0.1)],
])("no outage is %s", async (_, isolates, rate, failing) => {
  expect(await run(isolates, rate, 40, failing)).toMatchObject({ openFor: 0 });
});
