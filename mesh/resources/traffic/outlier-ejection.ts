import { z } from "zod";
import { milliseconds, positiveDuration } from "../parts.ts";

/** How an isolate leaves out an endpoint that fails, while the backend has others. */
export const outlierEjection = z
  .strictObject({
    /** So many in a row. */
    failures: z.int().min(1).max(1000).default(5),
    /** The first time; the second time twice as long, the third three times, up to `maxEjectFor`. */
    ejectFor: positiveDuration.default("30s"),
    maxEjectFor: positiveDuration.default("5m"),
    /** The share of the endpoints that may be out at once. One of two or more always may. */
    maxEjected: z.number().gt(0).max(1).default(0.5),
  })
  .refine(({ ejectFor, maxEjectFor }) => milliseconds(ejectFor) <= milliseconds(maxEjectFor), {
    path: ["maxEjectFor"],
    message: "must not be shorter than ejectFor",
  });
