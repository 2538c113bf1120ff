import { z } from "zod";
import { logFilterProblem } from "../policies/log-filter.ts";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { checked, headerName, positiveDuration, targetReference } from "./parts.ts";

const percent = z.number().min(0).max(100);
const names = z.array(headerName).max(16).default([]);

const accessLog = z.strictObject({
  /** Which requests have a line; in CEL, as conditions of AuthorizationPolicies are, with the `response`. */
  filter: checked(logFilterProblem, 4096).optional(),
  /** Of a hundred of those so many. */
  samplingPercent: z
    .strictObject({
      success: percent.default(100),
      /** 4xx. */
      clientError: percent.default(100),
      /** 5xx. */
      serverError: percent.default(100),
    })
    .prefault({}),
  /** What stands in a line besides. */
  requestHeaders: names,
  responseHeaders: names,
  /** Headers and query parameters that are credentials besides those that are known for it. */
  redact: names,
});

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
      /** A line in the log for each request; without it there is none. */
      accessLog: accessLog.optional(),
    }),
  },
);
