import { z } from "zod";
import { positiveDuration } from "../parts.ts";

/** How large a request may be, and how slow its body; what is left out is not limited here. */
export const requestLimits = z
  .strictObject({
    /** How many header fields; those of one name are one. */
    headers: z.int().min(1).max(10_000).optional(),
    /** Of all header fields together, in bytes. */
    headerBytes: z.int().min(1).optional(),
    /** Of path and query together, in bytes. */
    urlBytes: z.int().min(1).optional(),
    bodyBytes: z.int().min(0).optional(),
    /** The longest time without a byte of the body. */
    bodyIdle: positiveDuration.optional(),
    /** The longest time until the whole body is there. */
    bodyTime: positiveDuration.optional(),
  })
  .refine((limits) => Object.keys(limits).length > 0, "must have at least one limit");
