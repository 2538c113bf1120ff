/** The pointer to the snapshot in force, as KV and the fleet object hold it. docs/storage.md has the table. */
import type { Pointer, SignedPointer } from "./api.ts";
import { canonicalJson } from "./canonical.ts";

/** Before anything was applied. */
export const NOWHERE: Pointer = { epoch: 0, hash: "" };

/** Reads a stored pointer; undefined for what is missing, cut short or foreign. Fields it does not know are left alone. */
export function parsePointer(text: string | null): SignedPointer | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    if (typeof value !== "object" || value === null || !("epoch" in value) || !("hash" in value)) return undefined;
    const { epoch, hash } = value;
    const signature = "signature" in value && typeof value.signature === "string" ? value.signature : undefined;
    if (typeof epoch !== "number" || !Number.isSafeInteger(epoch) || epoch < 1) return undefined;
    if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) return undefined;
    return { epoch, hash, ...(signature !== undefined && { signature }) };
  } catch {
    return undefined;
  }
}

/** What a signature is of. The epoch too: an old snapshot cannot be signed into a new place. */
export const signedText = ({ epoch, hash }: Pointer): string => canonicalJson({ epoch, hash });

/** Epochs only go up: an old message that arrives late changes nothing. */
export const newest = (a: Pointer, b: Pointer): Pointer => (b.epoch > a.epoch ? b : a);
