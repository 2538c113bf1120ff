import { z } from "zod";
import { headerName, positiveDuration } from "../parts.ts";

const MIB = 1024 * 1024;

/** Answers that may be kept are given again while the upstream fails. */
export const staleServe = z.strictObject({
  /** For how long at most an answer is given after it went stale. The service's own `stale-if-error` holds where it is shorter. */
  maxStale: positiveDuration.default("1h"),
  /** A larger body, decoded, is passed on and not kept. */
  maxBytes: z
    .int()
    .min(1)
    .max(4 * MIB)
    .default(MIB),
  /** When requests for the same wait for one answer. */
  collapse: z.enum(["Never", "WhileFailing", "Always"]).default("WhileFailing"),
  /** Besides Authorization and Cookie: who sends one says who it is, and gets only what the service says is everyone's. */
  callerHeaders: z.array(headerName).max(16).default([]),
});
