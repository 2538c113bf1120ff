import { z } from "zod";
import { duration, headerName, headerValue, milliseconds, positiveDuration } from "../parts.ts";

/** Envoy's names for what is worth another try (`retry_on`); mesh/compile/layers/retry.ts says what each comes to here. */
export const RETRY_CONDITIONS = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "refused-stream",
  "envoy-ratelimited",
  "retriable-4xx",
  "retriable-status-codes",
  "retriable-headers",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

export const retry = z
  .strictObject({
    on: z.array(z.enum(RETRY_CONDITIONS)).min(1).max(16).default(["gateway-error"]),
    /** For `retriable-status-codes`. */
    codes: z.array(z.int().min(400).max(599)).max(64).optional(),
    /** For `retriable-headers`: of the response; without a value, that it is there. */
    headers: z
      .array(z.strictObject({ name: headerName, value: headerValue.optional() }))
      .max(16)
      .optional(),
    /** Tries after the first; 0 makes none. */
    attempts: z.int().min(0).max(10).default(2),
    /** Waits are drawn from 0 up to `base`, doubled with every retry, and never more than `max`. */
    backoff: z
      .strictObject({ base: positiveDuration.default("25ms"), max: positiveDuration.default("250ms") })
      .refine(({ base, max }) => milliseconds(base) <= milliseconds(max), {
        path: ["max"],
        message: "must not be shorter than base",
      })
      .default({ base: "25ms", max: "250ms" }),
    /** A Retry-After up to this is waited for; with a longer one the answer is passed on. */
    maxRetryAfter: duration.default("5s"),
    /** In bytes: larger bodies are sent once. */
    maxBodyBytes: z
      .int()
      .min(0)
      .max(1024 * 1024)
      .default(64 * 1024),
    /** Retries of an isolate's calls to a backend: this share of those that succeeded, and so many a second besides. */
    budget: z
      .strictObject({
        percent: z.number().min(0).max(100).default(10),
        minPerSecond: z.number().min(0).max(1000).default(0),
      })
      .default({ percent: 10, minPerSecond: 0 }),
  })
  .superRefine(({ on, codes, headers }, context) => {
    const needs = (field: string, given: unknown, condition: (typeof RETRY_CONDITIONS)[number]) => {
      if (on.includes(condition) && given === undefined)
        context.addIssue({ code: "custom", path: [field], message: `is required when on has ${condition}` });
      if (given !== undefined && !on.includes(condition))
        context.addIssue({ code: "custom", path: [field], message: `means nothing unless on has ${condition}` });
    };
    needs("codes", codes, "retriable-status-codes");
    needs("headers", headers, "retriable-headers");
  });
export type RetrySection = z.output<typeof retry>;
