import { z } from "zod";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { positiveDuration, targetReference } from "./parts.ts";

const percent = z.number().min(0).max(100);

/** What is recorded of requests. One policy holds for a request, that of the most specific target. */
export const telemetryPolicy = defineKind(
  {
    kind: "TelemetryPolicy",
    plural: "telemetrypolicies",
    shortNames: ["telp"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      targetRefs: z.array(targetReference).min(1).max(16),
      tracing: z
        .strictObject({
          /** Of a hundred traces so many are recorded, beyond those that the caller records. */
          samplingPercent: percent.default(1),
          /** Whether a request that fails (5xx) is recorded though it was not sampled. */
          keepErrors: z.boolean().default(true),
          /** Likewise one that takes longer. */
          keepSlowerThan: positiveDuration.optional(),
        })
        .prefault({}),
    }),
  },
);
