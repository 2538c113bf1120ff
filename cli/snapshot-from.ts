import type { SnapshotResponse } from "../mesh/api.ts";
import type { Snapshot } from "../mesh/snapshot.ts";

/** What control says is in force. Throws an Error where this command is older than the control plane and cannot read it. */
export async function snapshotFrom({ manifest, shards }: SnapshotResponse): Promise<Snapshot> {
  const { decode } = await import("../mesh/assemble.ts");
  const bytes = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"));
  return decode({
    manifest: bytes(manifest),
    shards: new Map(Object.entries(shards).map(([hash, shard]) => [hash, bytes(shard)])),
  });
}
