/** Snapshots published and taken up again as an edge takes them, in one process. */
import { hexOf } from "../../mesh/hex.ts";
import { readManifest } from "../../mesh/manifest.ts";
import { type Match, matcher, matchHost, matchService, type Matcher, type Missing } from "../../mesh/match.ts";
import { cutUp, encode, type Published } from "../../mesh/published.ts";
import { adopt } from "../../mesh/shard/read.ts";
import type { Snapshot } from "../../mesh/snapshot.ts";

export const sha256 = async (bytes: Uint8Array): Promise<string> =>
  hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));

export const published = (snapshot: Snapshot): Promise<Published> => encode(snapshot, sha256);

/** What an edge matches with, all shards resident. */
export function ready(snapshot: Snapshot, gateway = ""): Matcher {
  const { shards, manifest } = cutUp(snapshot);
  const routes = matcher(readManifest(manifest(shards.map(() => "0".repeat(64)))), gateway);
  shards.forEach((bytes, number) => {
    routes.shards[number] = adopt(bytes);
  });
  return routes;
}

export const hostMatch = (...given: Parameters<typeof matchHost>): Match | undefined => resident(matchHost(...given));
export const serviceMatch = (...given: Parameters<typeof matchService>): Match | undefined =>
  resident(matchService(...given));

function resident(match: Match | Missing | undefined): Match | undefined {
  if (match && "missing" in match) throw new Error(`shard ${match.missing} is missing`);
  return match;
}
