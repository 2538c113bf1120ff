import { z } from "zod";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { targetReference } from "./parts.ts";
import { adaptiveConcurrency } from "./traffic/adaptive-concurrency.ts";
import { breaker } from "./traffic/breaker.ts";
import { bypass } from "./traffic/bypass.ts";
import { concurrency } from "./traffic/concurrency.ts";
import { fault } from "./traffic/fault.ts";
import { hedge } from "./traffic/hedge.ts";
import { requestLimits } from "./traffic/request-limits.ts";
import { retry } from "./traffic/retry.ts";
import { loadBalancing } from "./traffic/load-balancing.ts";
import { path } from "./traffic/path.ts";
import { mirrorCompare } from "./traffic/mirror-compare.ts";
import { outlierEjection } from "./traffic/outlier-ejection.ts";
import { staleServe } from "./traffic/stale-serve.ts";
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
    spec: z
      .strictObject({
        targetRefs: z.array(targetReference).min(1).max(16),
        timeouts: timeouts.optional(),
        path: path.optional(),
        requestLimits: requestLimits.optional(),
        retry: retry.optional(),
        hedge: hedge.optional(),
        fault: fault.optional(),
        /** `Low` is refused first when an isolate has too much to do. */
        priority: z.enum(["Normal", "Low"]).optional(),
        /** Answers say in `selvedge-endpoint` which endpoint had the call. Its address is then no secret to callers. */
        exposeEndpoint: z.boolean().optional(),
        /** Whether callers may go past the mesh when no edge answers them: what policies say then holds for nobody. */
        onMeshFailure: z.enum(["direct", "fail"]).optional(),
        bypass: bypass.optional(),
        breaker: breaker.optional(),
        concurrency: concurrency.optional(),
        adaptiveConcurrency: adaptiveConcurrency.optional(),
        loadBalancing: loadBalancing.optional(),
        outlierEjection: outlierEjection.optional(),
        staleServe: staleServe.optional(),
        mirrorCompare: mirrorCompare.optional(),
      })
      .refine(({ hedge: copies, concurrency: limit }) => !copies || !limit, {
        path: ["hedge"],
        message: "cannot stand beside concurrency: a copy would be a second call on one permit",
      }),
  },
);
