/** Which edges run an epoch, which do not yet, and which will not: what `apply --wait` and `check` go by. */
import type { EdgeReport, Pointer } from "./api.ts";

/** An edge that has not reported in for this long is taken for gone. Edges report in every few seconds under traffic. */
export const SILENT_AFTER_MS = 60_000;

/**
 * An edge that has been silent for this long has no traffic. It looks for newer configuration before it serves again, so
 * nobody need wait for it: longer than any edge with traffic takes between two looks, in milliseconds.
 */
export const IDLE_AFTER_MS = 20_000;

/** `synced`: runs this epoch or a later one. `refused`: looked at it and kept its last good one. `stale`: not there yet. */
export type Standing = "synced" | "stale" | "refused";

export function standingOf({ epoch, hash, nack }: EdgeReport, wanted: Pointer): Standing {
  if (epoch > wanted.epoch || (epoch === wanted.epoch && hash === wanted.hash)) return "synced";
  return nack && nack.epoch >= wanted.epoch ? "refused" : "stale";
}

/** Sorts the fleet by where it stands towards `wanted`; every edge is in exactly one list. */
export function muster<E extends EdgeReport>(edges: readonly E[], wanted: Pointer): Record<Standing, readonly E[]> {
  const fleet: Record<Standing, E[]> = { synced: [], stale: [], refused: [] };
  for (const edge of edges) fleet[standingOf(edge, wanted)].push(edge);
  return fleet;
}
