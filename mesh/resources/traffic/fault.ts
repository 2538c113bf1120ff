import { z } from "zod";
import { headerName, headerValue, positiveDuration } from "../parts.ts";

const percent = z.number().gt(0).max(100);

/** What the mesh does to answers on purpose, to see what callers and policies make of it. */
export const fault = z
  .strictObject({
    /** When it ends, whoever forgets it: RFC 3339, such as `2026-12-01T18:00:00Z`. */
    expires: z.iso.datetime({ offset: true, error: "must be a time such as 2026-12-01T18:00:00Z (RFC 3339)" }),
    /** Whose calls it meets; all conditions must hold. Default: all calls. */
    match: z
      .strictObject({
        headers: z
          .array(z.strictObject({ name: headerName, value: headerValue }))
          .max(16)
          .default([]),
        /** SPIFFE IDs of callers. */
        callers: z
          .array(z.string().startsWith("spiffe://", "must be a SPIFFE ID, spiffe://…"))
          .min(1)
          .max(16)
          .optional(),
      })
      .default({ headers: [] }),
    /** Waits before the call goes on. */
    delay: z.strictObject({ percent, for: positiveDuration }).optional(),
    /** Answers with this status in the upstream's place. */
    abort: z.strictObject({ percent, status: z.int().min(400).max(599) }).optional(),
    /** Ends the call as a connection that broke. */
    reset: z.strictObject({ percent }).optional(),
    /** Passes the response's body on no faster than this. */
    bandwidth: z.strictObject({ percent, bytesPerSecond: z.int().min(1) }).optional(),
    /** Breaks the response's body off after so many bytes. */
    truncate: z.strictObject({ percent, afterBytes: z.int().min(0) }).optional(),
    /** It ends for the whole fleet once so many calls failed for their callers, and such a share of them, within `window`. */
    errorBudget: z
      .strictObject({
        failures: z.int().min(1).max(10_000).default(20),
        percent: percent.default(10),
        window: positiveDuration.default("1m"),
      })
      .default({ failures: 20, percent: 10, window: "1m" }),
  })
  .refine(({ delay, abort, reset, bandwidth, truncate }) => delay ?? abort ?? reset ?? bandwidth ?? truncate, {
    path: ["abort"],
    message: "or delay, reset, bandwidth or truncate is required",
  });
