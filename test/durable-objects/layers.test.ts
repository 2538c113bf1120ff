import { evictAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { Handler, Layer } from "../../workers/edge-proxy/layer.ts";
import { breaker } from "../../workers/edge-proxy/layers/breaker.ts";
import { rateLimit } from "../../workers/edge-proxy/layers/rate-limit.ts";
import { newMemory } from "../../workers/edge-proxy/memory.ts";
import { callWith } from "../edge-proxy/layers/call.ts";

/** Twenty isolates that share the real objects. */
const isolates = Array.from({ length: 20 }, (_, index) => newMemory(`i${index}`));
/** One call from each isolate at once; the statuses, once all that was left for later is done. */
async function round(layer: Layer, next: Handler): Promise<readonly (number | "denied")[]> {
  const calls = isolates.map((memory) =>
    callWith(
      {
        breaker: (circuit) => env.BREAKER.getByName(circuit),
        rateLimit: (bucket) => env.RATE_LIMIT.getByName(bucket),
      },
      { memory },
    ),
  );
  const answers = await Promise.all(
    calls.map((call) =>
      layer(next)(call).then(
        ({ status }) => status,
        () => "denied" as const,
      ),
    ),
  );
  await Promise.all(calls.flatMap(({ laterWork }) => laterWork));
  return answers;
}

it("admits no more than burst + rate x time through twenty isolates, though the object is evicted in between", async () => {
  const limit = { name: "ns/p/l", key: [], requests: 20, windowMs: 1000, burst: 30, onUnavailable: "deny" } as const;
  const layer = rateLimit({ kind: "rate-limit", limits: [limit] });
  const began = Date.now();
  let admitted = 0;
  for (let time = 0; time < 12; time++) {
    const answers = await round(layer, async () => new Response());
    admitted += answers.filter((answer) => answer === 200).length;
    if (time % 4 === 3) await evictAllDurableObjects();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(admitted).toBeGreaterThan(30);
  expect(admitted).toBeLessThanOrEqual(30 + (20 * (Date.now() - began)) / 1000);
});

it("lets the configured number of probes through twenty isolates, and all calls once one has succeeded", async () => {
  const policy = { failures: 20, failureRatio: 0.5, windowMs: 10_000, openMs: 300, maxOpenMs: 300, probes: 2 };
  const layer = breaker({ kind: "breaker", circuit: "c", ...policy });
  const opened = () => isolates.filter(({ circuits }) => circuits.get("c")?.view.kind === "open").length;
  // Whoever has not heard yet that the circuit is open hears it with its next report.
  await round(layer, async () => new Response(null, { status: 500 }));
  await evictAllDurableObjects();
  expect(opened()).toBeGreaterThanOrEqual(1);
  while (opened() < isolates.length) await round(layer, async () => new Response(null, { status: 500 }));

  await new Promise((resolve) => setTimeout(resolve, 400));
  let inFlight = 0;
  let most = 0;
  const slow: Handler = async () => {
    most = Math.max(most, ++inFlight);
    await new Promise((resolve) => setTimeout(resolve, 100));
    inFlight--;
    return new Response();
  };
  const probing = await round(layer, slow);
  expect([probing.filter((answer) => answer === 200).length, most]).toEqual([2, 2]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(await round(layer, slow)).toEqual(isolates.map(() => 200));
});
