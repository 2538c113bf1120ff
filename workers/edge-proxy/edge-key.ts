/** The key by which edges vouch to services; asked for once in its time. */
import { type CryptoKey, importJWK, type JWK } from "jose";
import type { Jwk } from "../../mesh/key-set.ts";
import type { Outside } from "./layer.ts";
import { STATE_TIMEOUT_MS } from "./memory.ts";
import { within } from "./within.ts";

/** Fails while there is none. The imported key belongs to the request: isolates keep plain data alone. */
export async function edgeKey({
  memory,
  now,
  edgeKey: ask,
}: Outside): Promise<{ readonly jwk: Jwk; readonly key: CryptoKey }> {
  if (memory.edgeKey === undefined || now() >= memory.edgeKey.until)
    memory.edgeKey = await within(ask(), STATE_TIMEOUT_MS);
  if (memory.edgeKey === undefined) throw new Error("the mesh has no key yet");
  const { key: jwk } = memory.edgeKey;
  return { jwk, key: (await importJWK(jwk as JWK)) as CryptoKey };
}
