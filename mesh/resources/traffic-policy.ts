import { z } from "zod";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { milliseconds, positiveDuration, targetReference } from "./parts.ts";
import { retry } from "./traffic/retry.ts";
import { loadBalancing } from "./traffic/load-balancing.ts";
import { outlierEjection } from "./traffic/outlier-ejection.ts";
import { timeouts } from "./traffic/timeouts.ts";

/** How traffic to its targets behaves. Each section is taken whole from the most specific policy that has it. */
export const trafficPolicy = defineKind(
  {
    kind: "TrafficPolicy",
    plural: "trafficpolicies",
    shortNames: ["tp"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      targetRefs: z.array(targetReference).min(1).max(16),
      timeouts: timeouts.optional(),
      retry: retry.optional(),
      /** Per backend, and shared by the whole fleet. Opens when both `failures` and `failureRatio` are reached in `window`. */
      breaker: z
        .strictObject({
          failures: z.int().min(1).max(10_000).default(5),
          failureRatio: z.number().gt(0).max(1).default(0.5),
          window: positiveDuration.default("10s"),
          /** The first time it opens; doubles each time a probe fails, up to `maxOpenFor`. */
          openFor: positiveDuration.default("1s"),
          maxOpenFor: positiveDuration.default("30s"),
          /** How many requests of the whole fleet may try a half-open backend at once. */
          probes: z.int().min(1).max(100).default(1),
        })
        .refine(({ openFor, maxOpenFor }) => milliseconds(openFor) <= milliseconds(maxOpenFor), {
          path: ["maxOpenFor"],
          message: "must not be shorter than openFor",
        })
        .optional(),
      loadBalancing: loadBalancing.optional(),
      outlierEjection: outlierEjection.optional(),
    }),
  },
);
