/**
 * Fields that many kinds share, each with the limits of its specification. Objects are strict throughout:
 * a key that is silently ignored is a policy that silently does not hold.
 */
import { z } from "zod";

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** RFC 1123 label: a namespace, a Service, a listener set's short names. */
export const labelName = z
  .string()
  .max(63)
  .regex(label, "must be lower-case letters, digits and '-', at most 63 characters (RFC 1123 label)");

/** RFC 1123 subdomain: most metadata.name, and the names of listeners, rules and ports. */
export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(subdomain, "must be lower-case letters, digits, '-' and '.' (RFC 1123 subdomain)");

/** A host name, never an address; `*.` may stand for its leftmost labels. */
export const hostname = z
  .string()
  .min(1)
  .max(253)
  .regex(
    /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    "must be a lower-case host name without port, optionally with a leading '*.'",
  )
  .refine((host) => !/^\d+(\.\d+){3}$/.test(host), "must be a host name, not an IP address");

export const preciseHostname = hostname.refine((host) => !host.startsWith("*"), "must be a host name without wildcard");

/** A text that `problemOf` has nothing to say against. */
export const checked = (problemOf: (text: string) => string | undefined, max = 1024) =>
  z
    .string()
    .min(1)
    .max(max)
    .superRefine((text, context) => {
      const message = problemOf(text);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    });

export const port = z.int().min(1).max(65535);

/** RFC 9110 token. */
export const headerName = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, "must be a header name (RFC 9110 token)");

/** What a runtime takes as a field value (RFC 9110): one line of at most eight-bit characters. */
export const headerValue = z
  .string()
  .min(1)
  .max(4096)
  // oxlint-disable-next-line no-control-regex -- the tab is the one control character allowed
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, "must be one line without control characters");

/** GEP-2257: up to four of h, m, s, ms, such as `1m30s`; `0s` means no limit. */
export const duration = z
  .string()
  .regex(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/, "must be a duration such as 500ms, 10s or 1m30s (GEP-2257)");

/** A duration that something divides by or waits for. */
export const positiveDuration = duration.refine((text) => milliseconds(text) > 0, "must be longer than 0s");

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Milliseconds of a GEP-2257 duration that `duration` has accepted. */
export function milliseconds(text: string): number {
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) total += Number(count) * UNIT_MS[unit as "h"];
  return total;
}

const GATEWAY_GROUP = "gateway.networking.k8s.io";

/** Which Gateway, ListenerSet or Service a route attaches to. */
export const parentReference = z.strictObject({
  group: z.string().default(GATEWAY_GROUP),
  kind: z.string().min(1).default("Gateway"),
  namespace: labelName.optional(),
  name: objectName,
  sectionName: objectName.optional(),
  port: port.optional(),
});
export type ParentReference = z.output<typeof parentReference>;

export const backendObjectReference = z.strictObject({
  group: z.string().default(""),
  kind: z.string().min(1).default("Service"),
  namespace: labelName.optional(),
  name: objectName,
  port: port.optional(),
});

/** What a policy attaches to (GEP-713); a sectionName narrows it to one listener, rule or port. */
export const targetReference = z.strictObject({
  group: z.string(),
  kind: z.string().min(1),
  namespace: labelName.optional(),
  name: objectName,
  sectionName: objectName.optional(),
});
export type TargetReference = z.output<typeof targetReference>;

const labelSelector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z
    .array(
      z
        .strictObject({
          key: z.string(),
          operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
          values: z.array(z.string()).optional(),
        })
        .refine(({ operator, values = [] }) => values.length > 0 === (operator === "In" || operator === "NotIn"), {
          path: ["values"],
          message: "must be given for In and NotIn, and only for them",
        }),
    )
    .optional(),
});

/** The namespaces that may attach. A selector that was forgotten must not come to mean all of them. */
export const fromNamespaces = <const From extends "Same" | "None">(byDefault: From) =>
  z
    .strictObject({
      from: z.enum(["All", "Selector", "Same", "None"]).default(byDefault),
      selector: labelSelector.optional(),
    })
    .refine(({ from, selector }) => from !== "Selector" || selector !== undefined, {
      path: ["selector"],
      message: "is required when from is Selector",
    })
    .default({ from: byDefault });

/** Refuses a list in which two items have one name: a reference by that name could mean either. */
export const distinct =
  <T>(nameOf: (item: T) => string | undefined, field = "name") =>
  (items: readonly T[], context: z.RefinementCtx): void => {
    const seen = new Set<string>();
    items.forEach((item, index) => {
      const name = nameOf(item);
      if (name !== undefined && seen.has(name))
        context.addIssue({ code: "custom", path: [index, field], message: `stands twice in this list: ${name}` });
      if (name !== undefined) seen.add(name);
    });
  };
