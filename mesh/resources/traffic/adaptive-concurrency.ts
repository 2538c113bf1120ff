import { z } from "zod";
import { duration, milliseconds } from "../parts.ts";

/** How many calls each isolate may have with a backend at once, found out from how long answers take. */
export const adaptiveConcurrency = z
  .strictObject({
    /** No isolate is held to fewer, whatever it finds. */
    minLimit: z.int().min(1).max(1000).default(3),
    maxLimit: z.int().min(1).max(100_000).default(1000),
    /** So many times as long as at best may answers take before the limit falls. */
    tolerance: z.number().min(1.05).max(10).default(1.25),
    /** How often it is measured what answers take at best. */
    measureEvery: duration
      .refine((text) => milliseconds(text) >= 5000 && milliseconds(text) <= 600_000, "must be 5s to 10m")
      .default("30s"),
  })
  .refine(({ minLimit, maxLimit }) => minLimit <= maxLimit, {
    path: ["maxLimit"],
    message: "must not be less than minLimit",
  });
