import { z } from "zod";
import { milliseconds, positiveDuration } from "./parts.ts";

/** `200`, or `200-299`. */
const statuses = z.union([
  z.int().min(100).max(599),
  z
    .string()
    .regex(/^[1-5]\d\d(-[1-5]\d\d)?$/, 'must be a status or a range such as "200-299"')
    .refine((text) => text.slice(0, 3) <= text.slice(-3), "must begin with the lower status"),
]);

/** Requests of the mesh's own that find out whether an endpoint is well: one place asks for all edges. */
export const healthCheck = z
  .strictObject({
    /** A GET below the endpoint's own URL. */
    path: z
      .string()
      .max(1024)
      .regex(/^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/, "must begin with '/' and be a path, with a query or without")
      .default("/"),
    interval: positiveDuration
      .refine((text) => milliseconds(text) >= 1000, "must be at least 1s")
      .refine((text) => milliseconds(text) <= 3_600_000, "must be at most 1h")
      .default("10s"),
    timeout: positiveDuration.refine((text) => milliseconds(text) <= 60_000, "must be at most 60s").default("1s"),
    healthyThreshold: z.int().min(1).max(100).default(2),
    unhealthyThreshold: z.int().min(1).max(100).default(3),
    expectedStatuses: z.array(statuses).min(1).max(16).default(["200-299"]),
    /** By up to so much of an interval a check comes later, so that those of many endpoints do not come together. */
    jitter: z.number().min(0).max(1).default(0.1),
  })
  .refine(({ interval, timeout }) => milliseconds(timeout) <= milliseconds(interval), {
    path: ["timeout"],
    message: "must not be longer than interval",
  });
