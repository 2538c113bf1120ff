import { z } from "zod";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { distinct, headerName, labelName, positiveDuration, targetReference } from "./parts.ts";

/** One bucket per distinct value; several parts make one key together. None: one bucket for all. */
const keyPart = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ClientAddress") }),
  z.strictObject({ type: z.literal("Header"), name: headerName }),
]);

const limit = z.strictObject({
  name: labelName,
  key: z.array(keyPart).max(4).default([]),
  requests: z.int().min(1).max(1_000_000_000),
  window: positiveDuration.default("1s"),
  /** How many may come at once; the bucket's depth. Default: a window's worth, at most ten seconds' worth. */
  burst: z.int().min(1).max(1_000_000_000).optional(),
});

/** How often callers may call, over the whole fleet. */
export const rateLimitPolicy = defineKind(
  {
    kind: "RateLimitPolicy",
    plural: "ratelimitpolicies",
    shortNames: ["rlp"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      targetRefs: z.array(targetReference).min(1).max(16),
      /** Each name is a bucket of its own. */
      limits: z
        .array(limit)
        .min(1)
        .max(16)
        .superRefine(distinct(({ name }) => name)),
      /** While the limit's object cannot be reached: go on with a safe share of the limit, refuse, or let all through. */
      onUnavailable: z.enum(["share", "deny", "allow"]).default("share"),
    }),
  },
);
