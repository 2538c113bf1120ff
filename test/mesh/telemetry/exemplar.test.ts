import { expect, it } from "vitest";
import { accept, newCollector } from "../../../mesh/telemetry/collector.ts";
import { type Exemplar, type Exemplars, keepExemplar } from "../../../mesh/telemetry/exemplar.ts";
import { begin, finish, newRecorder, nextFlush } from "../../../mesh/telemetry/recorder.ts";

const of = { caller: "", callee: "shop/cart", route: "shop/cart", class: "2xx" } as const;
const exemplar = (ms: number, at: number): Exemplar => ({ labels: of, ms, traceId: String(at).padStart(32, "0"), at });

it("keeps the latest of each bucket, and of too many those that were replaced last", () => {
  const exemplars: Exemplars = new Map();
  for (const [ms, at] of [
    [1, 1],
    [100, 2],
    [1, 3],
    [10, 4],
  ] as const)
    keepExemplar(exemplars, exemplar(ms, at), 2);
  expect([...exemplars.values()]).toEqual([exemplar(1, 3), exemplar(10, 4)]);
});

it("takes requests whose traces were recorded from an isolate to a collector, once", () => {
  const recorder = newRecorder("i1");
  const observation = { attempts: 1, hedges: 0, requestBytes: 0, responseBytes: 0, degraded: false, wouldDeny: false };
  const labels = { ...of, rule: "0", method: "GET", backend: "b", cause: "" } as const;
  for (const [ms, traceId] of [
    [5, undefined],
    [20, "a".repeat(32)],
    [20, "b".repeat(32)],
  ] as const) {
    begin(recorder);
    finish(recorder, { ...observation, labels, ms, at: 1000 + ms, traceId });
  }
  const flush = nextFlush(recorder, { edge: "edge", colo: "AMS", epoch: 1 }, 2000, 1000);
  expect(flush.exemplars).toEqual([{ labels: of, ms: 20, traceId: "b".repeat(32), at: 1020 }]);
  const collector = newCollector();
  for (const _ of [1, 2]) accept(collector, flush, () => undefined, 2000);
  expect([...collector.exemplars.values()]).toEqual(flush.exemplars);
  expect([...collector.isolates.values()][0]).not.toHaveProperty("exemplars");
});
