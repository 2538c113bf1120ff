import { z } from "zod";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { distinct, duration, headerName, milliseconds, positiveDuration, targetReference } from "./parts.ts";

const MIB = 1024 * 1024;

/** Requests that carry an Idempotency-Key are executed once, and answered the same however often they come. */
export const idempotencyPolicy = defineKind(
  {
    kind: "IdempotencyPolicy",
    plural: "idempotencypolicies",
    shortNames: ["ip", "idem"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      targetRefs: z.array(targetReference).min(1).max(16),
      /** Whether a request without a key is refused, or goes on unprotected. */
      mode: z.enum(["Required", "Optional"]).default("Optional"),
      header: headerName.default("Idempotency-Key"),
      methods: z
        .array(z.enum(["POST", "PATCH", "PUT", "DELETE"]))
        .min(1)
        .superRefine(distinct((method) => method))
        .default(["POST", "PATCH"]),
      /** Headers that tell callers apart where the mesh has not verified who calls. */
      callerHeaders: z.array(headerName).max(4).default(["Authorization"]),
      /** Whether the upstream honours the key itself: only then is a request whose outcome is unknown sent again. */
      upstream: z.enum(["Once", "Idempotent"]).default("Once"),
      /** Statuses by which the upstream says that it has done nothing: the key is free again. */
      unprocessed: z.array(z.int().min(400).max(599)).max(32).default([408, 425, 429]),
      /** An execution that takes longer has an unknown outcome. */
      executionTimeout: positiveDuration.default("30s"),
      /** How long a key is remembered once its request was answered. */
      retention: duration
        .refine((text) => milliseconds(text) >= 300_000, "must be at least 5m")
        .refine((text) => milliseconds(text) <= 30 * 86_400_000, "must be at most 720h")
        .default("24h"),
      /** In bytes; a larger request must say its Content-Digest. */
      maxRequest: z
        .int()
        .min(0)
        .max(8 * MIB)
        .default(MIB),
      /** In bytes; a larger response is passed on, and not kept. */
      maxResponse: z
        .int()
        .min(0)
        .max(24 * MIB)
        .default(MIB),
      /** Among how many objects the keys are shared out. Changing it forgets the keys. */
      shards: z.int().min(1).max(4096).default(4),
      /** While the key's object cannot be reached: refuse, or go on without protection. */
      onUnavailable: z.enum(["deny", "allow"]).default("deny"),
    }),
  },
);
