import { z } from "zod";
import { positiveDuration } from "../parts.ts";

/** A second copy of a request that takes longer than most: the first answer counts. */
export const hedge = z.strictObject({
  /** Of the route's live latencies: the copy goes when this share of answers would be there. */
  percentile: z.number().min(50).max(99.9).default(95),
  /** No copy goes earlier than this. */
  minDelay: positiveDuration.default("5ms"),
  /** Copies are at most this share of an isolate's requests. */
  budgetPercent: z.number().gt(0).max(100).default(4),
});
