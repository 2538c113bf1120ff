/** HTTPRoute of Gateway API v1, standard and experimental channel. Defaults are those of the specification. */
import { z } from "zod";
import { defineKind, GATEWAY_API } from "./kind.ts";
import {
  backendObjectReference,
  duration,
  headerName,
  hostname,
  objectName,
  parentReference,
  port,
  preciseHostname,
  sectionName,
} from "./parts.ts";

const path = z
  .strictObject({
    type: z.enum(["Exact", "PathPrefix", "RegularExpression"]).default("PathPrefix"),
    value: z.string().max(1024).default("/"),
  })
  .superRefine(({ type, value }, context) => {
    if (type === "RegularExpression") return;
    if (!value.startsWith("/")) context.addIssue({ code: "custom", path: ["value"], message: "must begin with '/'" });
    if (/\/\/|\/\.\.?(\/|$)|%2f|#/i.test(value))
      context.addIssue({
        code: "custom",
        path: ["value"],
        message: "must not contain '//', '/./', '/../', '%2F' or '#'",
      });
    if (/[^A-Za-z0-9/\-._~%!$&'()*+,;=:@]|%(?![0-9A-Fa-f]{2})/.test(value))
      context.addIssue({
        code: "custom",
        path: ["value"],
        message: "must hold only characters of a URL path (RFC 3986)",
      });
  });

const headerMatch = z.strictObject({
  type: z.enum(["Exact", "RegularExpression"]).default("Exact"),
  name: headerName,
  value: z.string().min(1).max(4096),
});

const queryParamMatch = z.strictObject({
  type: z.enum(["Exact", "RegularExpression"]).default("Exact"),
  name: headerName,
  value: z.string().min(1).max(1024),
});

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] as const;

export const match = z.strictObject({
  path: path.default({ type: "PathPrefix", value: "/" }),
  headers: z.array(headerMatch).max(16).default([]),
  queryParams: z.array(queryParamMatch).max(16).default([]),
  method: z.enum(methods).optional(),
});
export type RouteMatch = z.output<typeof match>;

const header = z.strictObject({ name: headerName, value: z.string().min(1).max(4096) });
const headerModifier = z.strictObject({
  set: z.array(header).max(16).default([]),
  add: z.array(header).max(16).default([]),
  remove: z.array(z.string()).max(16).default([]),
});
export type HeaderModifier = z.output<typeof headerModifier>;

const pathModifier = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ReplaceFullPath"), replaceFullPath: z.string().max(1024) }),
  z.strictObject({ type: z.literal("ReplacePrefixMatch"), replacePrefixMatch: z.string().max(1024) }),
]);
export type PathModifier = z.output<typeof pathModifier>;

const requestRedirect = z.strictObject({
  scheme: z.enum(["http", "https"]).optional(),
  hostname: preciseHostname.optional(),
  path: pathModifier.optional(),
  port: port.optional(),
  statusCode: z.literal([301, 302, 303, 307, 308]).default(302),
});

const urlRewrite = z.strictObject({ hostname: preciseHostname.optional(), path: pathModifier.optional() });

const requestMirror = z.strictObject({
  backendRef: backendObjectReference,
  percent: z.int().min(0).max(100).optional(),
  fraction: z.strictObject({ numerator: z.int().min(0), denominator: z.int().min(1).default(100) }).optional(),
});

const cors = z.strictObject({
  allowOrigins: z.array(z.string()).max(64).default([]),
  allowCredentials: z.boolean().optional(),
  allowMethods: z.array(z.string()).max(9).default([]),
  allowHeaders: z.array(z.string()).max(64).default([]),
  exposeHeaders: z.array(z.string()).max(64).default([]),
  maxAge: z.int().min(1).default(5),
});

const externalAuth = z.strictObject({
  protocol: z.enum(["HTTP", "GRPC"]),
  backendRef: backendObjectReference,
  grpc: z.unknown().optional(),
  http: z.unknown().optional(),
  forwardBody: z.unknown().optional(),
});

export const filter = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("RequestHeaderModifier"), requestHeaderModifier: headerModifier }),
  z.strictObject({ type: z.literal("ResponseHeaderModifier"), responseHeaderModifier: headerModifier }),
  z.strictObject({ type: z.literal("RequestMirror"), requestMirror }),
  z.strictObject({ type: z.literal("RequestRedirect"), requestRedirect }),
  z.strictObject({ type: z.literal("URLRewrite"), urlRewrite }),
  z.strictObject({ type: z.literal("CORS"), cors }),
  z.strictObject({ type: z.literal("ExternalAuth"), externalAuth }),
  z.strictObject({
    type: z.literal("ExtensionRef"),
    extensionRef: z.strictObject({ group: z.string(), kind: z.string().min(1), name: objectName }),
  }),
]);
export type RouteFilter = z.output<typeof filter>;

export const backendRef = backendObjectReference.extend({
  weight: z.int().min(0).max(1_000_000).default(1),
  filters: z.array(filter).max(16).default([]),
});
export type BackendRef = z.output<typeof backendRef>;

export const rule = z.strictObject({
  name: sectionName.optional(),
  matches: z
    .array(match)
    .max(128)
    .default([{ path: { type: "PathPrefix", value: "/" }, headers: [], queryParams: [] }])
    // An empty list means the same as none: everything.
    .transform((all) => (all.length > 0 ? all : [match.parse({})])),
  filters: z.array(filter).max(16).default([]),
  backendRefs: z.array(backendRef).max(16).default([]),
  timeouts: z.strictObject({ request: duration.optional(), backendRequest: duration.optional() }).optional(),
  retry: z
    .strictObject({
      codes: z.array(z.int().min(400).max(599)).optional(),
      attempts: z.int().min(0).optional(),
      backoff: duration.optional(),
    })
    .optional(),
  sessionPersistence: z
    .strictObject({
      sessionName: z.string().max(128).optional(),
      absoluteTimeout: duration.optional(),
      idleTimeout: duration.optional(),
      type: z.enum(["Cookie", "Header"]).default("Cookie"),
      cookieConfig: z.strictObject({ lifetimeType: z.enum(["Permanent", "Session"]).default("Session") }).optional(),
    })
    .optional(),
});
export type RouteRule = z.output<typeof rule>;

export const httpRoute = defineKind(
  {
    kind: "HTTPRoute",
    plural: "httproutes",
    shortNames: ["hr", "route", "routes"],
    group: GATEWAY_API,
    versions: ["v1", "v1beta1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      parentRefs: z.array(parentReference).max(32).default([]),
      useDefaultGateways: z.enum(["All", "None"]).optional(),
      hostnames: z.array(hostname).max(16).default([]),
      rules: z
        .array(rule)
        .max(16)
        .default([])
        .transform((rules) => (rules.length > 0 ? rules : [rule.parse({})])),
    }),
  },
);
