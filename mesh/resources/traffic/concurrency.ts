import { z } from "zod";
import { duration, milliseconds } from "../parts.ts";

/** A permit of an isolate that died is missing for as long as a call may last: hence no longer than this. */
const LONGEST_CALL_MS = 3_600_000;

/** How many calls the whole fleet may have with a backend at once. */
export const concurrency = z.strictObject({
  limit: z.int().min(1).max(100_000),
  /** A call, with its response's body, is cut off after this. */
  longestCall: duration
    .refine((text) => milliseconds(text) >= 100 && milliseconds(text) <= LONGEST_CALL_MS, "must be 100ms to 1h")
    .default("60s"),
  onUnavailable: z.enum(["share", "deny", "allow"]).default("share"),
});
