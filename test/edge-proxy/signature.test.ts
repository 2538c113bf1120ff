import { base64url, FlattenedSign, importJWK } from "jose";
import { expect, it } from "vitest";
import { newSnapshotKey, publicKeys } from "../../cli/snapshot-keys.ts";
import { signedText } from "../../mesh/pointer.ts";
import { verifyPointer } from "../../workers/edge-proxy/signature.ts";

const [key, next, stranger] = await Promise.all([newSnapshotKey(), newSnapshotKey(), newSnapshotKey()]);
const trusted = JSON.stringify(publicKeys([key, next]));
const pointer = { epoch: 7, hash: "ab".repeat(32) };

async function signatureBy(by: typeof key, of = pointer, header: Record<string, string> = {}): Promise<string> {
  const text = new TextEncoder().encode(signedText(of));
  const signing = new FlattenedSign(text).setProtectedHeader({ alg: "EdDSA", kid: by.kid!, ...header });
  const jws = await signing.sign(await importJWK(by, "EdDSA"));
  return `${jws.protected}..${jws.signature}`;
}

it("believes either key of a rotation, and everyone where it has no keys", async () => {
  for (const by of [key, next])
    await expect(verifyPointer(trusted, { ...pointer, signature: await signatureBy(by) })).resolves.toBeUndefined();
  await expect(verifyPointer("", pointer)).resolves.toBeUndefined();
});

it.each<[string, string, () => Promise<string | undefined>]>([
  ["no signature", "it is not signed", async () => undefined],
  ["an empty one", "none of SNAPSHOT_KEYS", async () => ""],
  ["one by a stranger", "none of SNAPSHOT_KEYS", () => signatureBy(stranger)],
  [
    "one by a stranger under a known name",
    "none of SNAPSHOT_KEYS",
    () => signatureBy(stranger, pointer, { kid: key.kid! }),
  ],
  ["one of another epoch", "none of SNAPSHOT_KEYS", () => signatureBy(key, { ...pointer, epoch: 6 })],
  ["one of another hash", "none of SNAPSHOT_KEYS", () => signatureBy(key, { ...pointer, hash: "cd".repeat(32) })],
  ["one without an algorithm", "none of SNAPSHOT_KEYS", async () => `${base64url.encode('{"alg":"none"}')}..`],
])("refuses a pointer with %s", async (_, reason, make) => {
  const signature = await make();
  await expect(verifyPointer(trusted, { ...pointer, ...(signature !== undefined && { signature }) })).rejects.toThrow(
    reason,
  );
});

it.each(["no JSON", "[]", "{}", '{"keys":1}'])("believes nobody by keys that are %j", async (keys) => {
  const signature = await signatureBy(key);
  await expect(verifyPointer(keys, { ...pointer, signature })).rejects.toThrow(
    "SNAPSHOT_KEYS of this edge is no JWK Set",
  );
});

it("publishes nothing of a key but its public part", () => {
  expect(Object.keys(publicKeys([key]).keys[0]!).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
});
