import { z } from "zod";
import { healthCheck } from "./health-check.ts";
import { defineKind, SELVEDGE_API } from "./kind.ts";

/** Only bindings of this prefix may be named, so that no Backend can point at the mesh's own objects and stores. */
const SERVICE_BINDING_PREFIX = "SERVICE_";

const url = z.string().superRefine((text, context) => {
  const problem = endpointUrlProblem(text);
  if (problem) context.addIssue({ code: "custom", message: problem });
});

/**
 * What is wrong with an endpoint's URL, if anything. mesh/ has no `URL` (it is a runtime's, not the language's);
 * the edge parses again, by the platform's own parser, what this lets through.
 */
function endpointUrlProblem(text: string): string | undefined {
  const parts = /^(https?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~-]+)(?::(\d{1,5}))?(\/[^?#\s]*)?$/.exec(text);
  if (!parts) {
    if (/^https?:\/\/[^/]*@/.test(text)) return "must not carry credentials";
    if (/[?#]/.test(text)) return "must not carry a query or a fragment";
    return "must be http://host[:port][/path] or https://host[:port][/path]";
  }
  const port = parts[3] === undefined ? 80 : Number(parts[3]);
  if (port < 1 || port > 65535) return "has a port outside 1 to 65535";
  const host = parts[2] ?? "";
  if (host.startsWith("[") && !z.ipv6().safeParse(host.slice(1, -1)).success)
    return "has a host that is no valid address";
  const last = host.replace(/\.$/, "").split(".").at(-1) ?? "";
  // A host whose last label is a number is read as an IPv4 address or not at all (WHATWG URL).
  if (/^(\d+|0[xX][0-9a-fA-F]*)$/.test(last) && !z.ipv4().safeParse(host).success)
    return "has a host that is no valid address";
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(parts[4] ?? "")) return "must not have '.' or '..' in its path";
  return undefined;
}

const endpoint = z
  .strictObject({
    url: url.optional(),
    binding: z
      .string()
      .regex(/^SERVICE_[A-Z0-9_]+$/, `must be a service binding named ${SERVICE_BINDING_PREFIX}…, in capitals`)
      .optional(),
    weight: z.int().min(0).max(1_000_000).default(1),
    /** Edges of the same zone (their ZONE, or else their data centre) go here first. */
    zone: z.string().min(1).max(63).optional(),
    /** Endpoints of a higher number get what those of the lower ones cannot carry. */
    priority: z.int().min(0).max(127).default(0),
  })
  .refine(({ url, binding }) => (url === undefined) !== (binding === undefined), "needs either url or binding");

/** Where a service's instances are, outside Kubernetes: URLs of any cloud, or service bindings to other Workers. */
export const backend = defineKind(
  {
    kind: "Backend",
    plural: "backends",
    shortNames: ["be"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      endpoints: z.array(endpoint).min(1).max(1000),
      healthCheck: healthCheck.optional(),
      /** Hosts, as the URLs have them, that may be contacted although they are the edge's own machine or network. */
      allowReserved: z.array(z.string().min(1)).max(100).default([]),
    }),
  },
);
