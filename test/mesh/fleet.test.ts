import { expect, it } from "vitest";
import type { EdgeReport } from "../../mesh/api.ts";
import { muster, type Standing, standingOf } from "../../mesh/fleet.ts";

const edge = (epoch: number, hash: string, refused?: number): EdgeReport => ({
  id: "e",
  name: "edge",
  colo: "AMS",
  epoch,
  hash,
  source: "kv",
  ...(refused !== undefined && { nack: { epoch: refused, hash: "x", reason: "broken" } }),
});
const wanted = { epoch: 5, hash: "h5" };

it.each<[string, EdgeReport, Standing]>([
  ["runs it", edge(5, "h5"), "synced"],
  ["runs a later one", edge(6, "h6"), "synced"],
  ["runs it and refuses a later one", edge(5, "h5", 6), "synced"],
  ["runs an earlier one", edge(4, "h4"), "stale"],
  ["has none yet", edge(0, ""), "stale"],
  ["runs something else under its number", edge(5, "other"), "stale"],
  ["refused an earlier one", edge(3, "h3", 4), "stale"],
  ["refused it", edge(4, "h4", 5), "refused"],
  ["refused a later one without ever running it", edge(4, "h4", 6), "refused"],
])("an edge that %s", (_, report, standing) => {
  expect(standingOf(report, wanted)).toBe(standing);
});

it("puts every edge in exactly one list", () => {
  const [synced, stale, refused] = [edge(5, "h5"), edge(4, "h4"), edge(4, "h4", 5)];
  expect(muster([stale, refused, synced], wanted)).toEqual({ synced: [synced], stale: [stale], refused: [refused] });
});
