import { z } from "zod";
import { headerName } from "../parts.ts";

const KIB = 1024;

/** What mirrors of a rule answer is compared with what its callers get. */
export const mirrorCompare = z.strictObject({
  headers: z.array(headerName).max(32).default(["Content-Type"]),
  /** Parts of JSON bodies that differ by nature, as JSON Pointers; `*` stands for any one name or index. */
  ignore: z
    .array(
      z
        .string()
        .regex(/^(\/([^~/]|~[01])*)+$/, "must be a JSON Pointer such as /items/*/updatedAt (RFC 6901, * is any)"),
    )
    .max(64)
    .default([]),
  /** Larger bodies, decoded, are not compared. */
  maxBytes: z
    .int()
    .min(1)
    .max(1024 * KIB)
    .default(64 * KIB),
});
