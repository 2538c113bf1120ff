/** Which shards have to be resident before a newer snapshot takes the place of the one in force. */
import { hasName, shardOf } from "./manifest.ts";
import { type Matcher, mayServe } from "./match.ts";
import type { Shard } from "./shard/read.ts";

/**
 * Those that share names with a resident shard of `previous`, and those with names that it did not have: they may be closer to
 * a host that is served than what answers for it now. With these in place, whatever matched without a wait matches without one.
 */
export function wantedIn(next: Matcher, previous: Matcher): number[] {
  if (!previous.shards.some(Boolean)) return [];
  const wanted = new Set<number>();
  // Numbers of shards are the low bits of a hash: with twice as many, one shard's names are in two.
  const common = Math.min(next.shards.length, previous.shards.length) - 1;
  const served = new Set(previous.shards.flatMap((shard, number) => (shard ? [number & common] : [])));
  next.shards.forEach((_, number) => {
    if (served.has(number & common)) wanted.add(number);
  });
  for (const name of next.manifest.names)
    if (name !== 0 && !hasName(previous.manifest, name)) wanted.add(shardOf(name, next.shards.length));
  return [...wanted].filter((number) => mayServe(next, number));
}

/** Puts a shard in its place; of those that are resident, the ones that were longest without a request go when all take more than `most` bytes. */
export function settle(routes: Matcher, number: number, shard: Shard, most: number): void {
  routes.shards[number] = shard;
  routes.usedAt[number] = ++routes.uses;
  let bytes = routes.shards.reduce((sum, one) => sum + (one?.byteLength ?? 0), 0);
  while (bytes > most) {
    const oldest = leastUsed(routes, number);
    if (oldest === -1) return;
    bytes -= routes.shards[oldest]?.byteLength ?? 0;
    routes.shards[oldest] = undefined;
  }
}

function leastUsed({ shards, usedAt }: Matcher, but: number): number {
  let found = -1;
  shards.forEach((shard, number) => {
    if (shard && number !== but && (found === -1 || usedAt[number]! < usedAt[found]!)) found = number;
  });
  return found;
}
