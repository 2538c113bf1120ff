import type { Pointer, SnapshotSource } from "../../mesh/api.ts";
import { type Memory, newMemory } from "./memory.ts";
import type { Matcher } from "../../mesh/match.ts";
import { type Load, noLoad } from "../../mesh/policies/shed.ts";
import type { Proxy } from "./proxy.ts";
import { randomHex } from "./random-hex.ts";

/**
 * What one isolate keeps between requests: plain data only. Streams, stubs and signals of one request are unusable in
 * another, and nothing here may be the only copy of anything that matters: an isolate can be gone after any request.
 */
export type Isolate = {
  /** Random, made in the first request: nothing random is to be had before it. */
  readonly id: string;
  readonly memory: Memory;
  /** So many random bytes in hexadecimal. */
  readonly newId: (bytes: number) => string;
  readonly load: Load;
  /** The snapshot in force, replaced whole: a request that has taken it keeps it to its end. */
  active: Active | undefined;
  /** When this isolate last looked for a newer snapshot, and until when a look counts as under way. Milliseconds since 1970. */
  lookedAt: number;
  lookingUntil: number;
  /** Shards that a request is loading, by hash, and until when it counts as doing so. Milliseconds since 1970. */
  readonly loading: Map<string, number>;
  /** Shards of the snapshot in force that the Cache API or the deploy has, by hash. */
  readonly kept: Set<string>;
  /** The newest snapshot that this isolate refused; told at every check-in until a newer one is in force. */
  refused: (Pointer & { readonly reason: string }) | undefined;
};

export type Active = {
  readonly pointer: Pointer;
  readonly source: SnapshotSource;
  readonly routes: Matcher;
  readonly run: Proxy;
};

export const newIsolate = (id: string): Isolate => ({
  id,
  memory: newMemory(id),
  newId: randomHex(),
  load: noLoad(),
  active: undefined,
  lookedAt: 0,
  lookingUntil: 0,
  loading: new Map(),
  kept: new Set(),
  refused: undefined,
});
