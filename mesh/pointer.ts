/** The pointer to the snapshot in force, as KV and the fleet object hold it. docs/storage.md has the table. */
import type { Pointer } from "./api.ts";

/** Before anything was applied. */
export const NOWHERE: Pointer = { epoch: 0, hash: "" };

/** Reads a stored pointer; undefined for what is missing, cut short or foreign. Fields it does not know are left alone. */
export function parsePointer(text: string | null): Pointer | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    if (typeof value !== "object" || value === null || !("epoch" in value) || !("hash" in value)) return undefined;
    const { epoch, hash } = value;
    if (typeof epoch !== "number" || !Number.isSafeInteger(epoch) || epoch < 1) return undefined;
    if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) return undefined;
    return { epoch, hash };
  } catch {
    return undefined;
  }
}

/** Epochs only go up: an old message that arrives late changes nothing. */
export const newest = (a: Pointer, b: Pointer): Pointer => (b.epoch > a.epoch ? b : a);
