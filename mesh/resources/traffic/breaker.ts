import { z } from "zod";
import { duration, milliseconds, positiveDuration } from "../parts.ts";

/** Shared by the whole fleet. Opens when both `failures` and `failureRatio` are reached in `window`. */
export const breaker = z
  .strictObject({
    /** What opens and closes as one: the backend, each of its endpoints, or the backend as one rule of a route uses it. */
    scope: z.enum(["Backend", "Endpoint", "Route"]).default("Backend"),
    failures: z.int().min(1).max(10_000).default(5),
    failureRatio: z.number().gt(0).max(1).default(0.5),
    window: positiveDuration.default("10s"),
    /** The first time it opens; doubles each time a probe fails, up to `maxOpenFor`. */
    openFor: positiveDuration.default("1s"),
    maxOpenFor: positiveDuration.default("30s"),
    /** How many requests of the whole fleet may try a half-open backend at once. */
    probes: z.int().min(1).max(100).default(1),
    /** After a probe has succeeded, for so long, a growing share of the traffic is let through; `0s` lets all of it. */
    rampFor: duration.default("5s"),
    /** A response whose headers take this long is slow; `failures` such, and `slowCallRatio` of all, open it too. */
    slowCallThreshold: positiveDuration.optional(),
    /** 0.5 where it is left out. */
    slowCallRatio: z.number().gt(0).max(1).optional(),
  })
  .refine(({ openFor, maxOpenFor }) => milliseconds(openFor) <= milliseconds(maxOpenFor), {
    path: ["maxOpenFor"],
    message: "must not be shorter than openFor",
  })
  .refine(({ slowCallThreshold, slowCallRatio }) => slowCallThreshold !== undefined || slowCallRatio === undefined, {
    path: ["slowCallRatio"],
    message: "says nothing without slowCallThreshold",
  });
