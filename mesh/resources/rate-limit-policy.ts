import { z } from "zod";
import { blockProblem } from "../policies/authorize-clause.ts";
import { conditionProblem, quantityProblem } from "../policies/condition.ts";
import { templateProblem } from "../policies/rate-limit-key.ts";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { checked, distinct, headerName, labelName, positiveDuration, targetReference } from "./parts.ts";

const claimName = z.string().min(1).max(256);

/** One bucket per distinct value; several parts make one key together. None: one bucket for all. */
const keyPart = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("ClientAddress"),
    v4Prefix: z.int().min(1).max(32).optional(),
    v6Prefix: z.int().min(1).max(128).optional(),
  }),
  z.strictObject({ type: z.literal("Header"), name: headerName }),
  z.strictObject({ type: z.literal("Cookie"), name: headerName }),
  /** Of the token that an AuthenticationPolicy accepted; a list leads from the outside in. */
  z.strictObject({ type: z.literal("Claim"), claim: z.union([claimName, z.array(claimName).min(1).max(8)]) }),
  z.strictObject({ type: z.literal("Identity") }),
  z.strictObject({ type: z.literal("Namespace") }),
  z.strictObject({ type: z.literal("Method") }),
  /** The first template that fits; `{name}` stands for a segment whose text belongs to the key, `{*}` for any other. */
  z.strictObject({ type: z.literal("Path"), templates: z.array(checked(templateProblem)).min(1).max(16) }),
  z.strictObject({ type: z.literal("Constant"), value: z.string().min(1).max(64) }),
]);

const amount = z.int().min(1).max(1_000_000_000_000);

const limit = z
  .strictObject({
    name: labelName,
    key: z.array(keyPart).max(4).default([]),
    /** What is counted, and how much of it is had in a window: one of the three. */
    requests: amount.optional(),
    /** Of request bodies, by Content-Length. */
    bytes: amount.optional(),
    /** Of what `cost` says. */
    units: amount.optional(),
    /** In CEL, as conditions of AuthorizationPolicies are. */
    cost: checked(quantityProblem, 4096).optional(),
    window: positiveDuration.default("1s"),
    /** How many may come at once; the bucket's depth. Default: a window's worth, at most ten seconds' worth. */
    burst: amount.optional(),
    /** Bounded: admits up to `overdraft` beyond the limit sooner than wait. Local: one bucket in each isolate. */
    mode: z.enum(["strict", "bounded", "local"]).default("strict"),
    /** Default: a fifth of the burst. */
    overdraft: amount.optional(),
  })
  .refine(({ requests, bytes, units }) => [requests, bytes, units].filter((one) => one !== undefined).length === 1, {
    path: ["requests"],
    message: "one of requests, bytes and units says how much is had in a window",
  })
  .refine(({ units, cost }) => (units === undefined) === (cost === undefined), {
    path: ["cost"],
    message: "cost says what a request takes of units: neither means anything without the other",
  })
  .refine(({ mode, overdraft }) => overdraft === undefined || mode === "bounded", {
    path: ["overdraft"],
    message: "means something with mode: bounded alone",
  });

const listOf = <T extends z.ZodType>(one: T) => z.array(one).min(1).max(256).optional();

/** Calls that are not counted: one of these is enough. */
const exempt = z
  .strictObject({
    /** SPIFFE IDs, with `spiffe://` or without; exact, `prefix*` or `*suffix`. */
    principals: listOf(z.string().min(1).max(1024)),
    namespaces: listOf(labelName),
    /** Of whoever opened the connection to the edge. */
    clientBlocks: listOf(checked(blockProblem)),
    /** In CEL. */
    condition: checked(conditionProblem, 4096).optional(),
  })
  .refine((value) => Object.values(value).some((one) => one !== undefined), "says nothing: leave it out");

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
      exempt: exempt.optional(),
      /** Counts and tells whom it would refuse, and refuses nobody. */
      dryRun: z.boolean().default(false),
    }),
  },
);
