import { z } from "zod";
import { milliseconds, positiveDuration } from "../parts.ts";

/** Out goes an endpoint that succeeds less often than the mean of all, less so many standard deviations. Defaults are Envoy's but for the requests. */
const successRate = z
  .strictObject({
    interval: positiveDuration.default("10s"),
    /** So many endpoints must have had their requests, or nothing is known of what is usual. */
    minEndpoints: z.int().min(3).max(1000).default(5),
    /** Of an endpoint, in an interval, in one isolate: a fraction of what the whole fleet sends it. */
    minRequests: z.int().min(5).max(1_000_000).default(20),
    stdevFactor: z.number().gt(0).max(10).default(1.9),
  })
  .refine(({ minEndpoints, stdevFactor }) => stdevFactor < Math.sqrt(minEndpoints - 1), {
    path: ["stdevFactor"],
    message:
      "must be less than the square root of minEndpoints - 1: no endpoint of so many is ever further from the mean",
  });

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
    successRate: successRate.optional(),
  })
  .refine(({ ejectFor, maxEjectFor }) => milliseconds(ejectFor) <= milliseconds(maxEjectFor), {
    path: ["maxEjectFor"],
    message: "must not be shorter than ejectFor",
  });
