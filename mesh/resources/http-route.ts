/** HTTPRoute of Gateway API v1, standard and experimental channel. Defaults are those of the specification. */
import { z } from "zod";
import { patternProblem } from "../pattern.ts";
import { defineKind, GATEWAY_API } from "./kind.ts";
import {
  backendObjectReference,
  distinct,
  duration,
  headerName,
  headerValue,
  hostname,
  milliseconds,
  objectName,
  parentReference,
  port,
  preciseHostname,
} from "./parts.ts";

/** What keeps `value` from being a URL's path that the upstream reads as we do. */
function pathProblems(value: string): string[] {
  return [
    ...(value.startsWith("/") ? [] : ["must begin with '/'"]),
    ...(/\/\/|\/\.\.?(\/|$)|%2f|#/i.test(value) ? ["must not contain '//', '/./', '/../', '%2F' or '#'"] : []),
    ...(/[^A-Za-z0-9/\-._~%!$&'()*+,;=:@#]|%(?![0-9A-Fa-f]{2})/.test(value)
      ? ["must hold only characters of a URL path (RFC 3986)"]
      : []),
  ];
}

/** What cannot be matched in linear time is refused with the apply, where its place in the file is known. */
function checkPattern({ type, value }: { type: string; value: string }, context: z.core.$RefinementCtx): void {
  const message = type === "RegularExpression" ? patternProblem(value) : undefined;
  if (message !== undefined)
    context.addIssue({ code: "custom", path: ["value"], message: `is no pattern of RE2's syntax: ${message}` });
}

const path = z
  .strictObject({
    type: z.enum(["Exact", "PathPrefix", "RegularExpression"]).default("PathPrefix"),
    value: z.string().max(1024).default("/"),
  })
  .superRefine(({ type, value }, context) => {
    if (type === "RegularExpression") return checkPattern({ type, value }, context);
    for (const message of pathProblems(value)) context.addIssue({ code: "custom", path: ["value"], message });
  });

/** It takes the place of a path between an origin and a query: without its slash it would lengthen the host. */
const replacement = z
  .string()
  .max(1024)
  .superRefine((value, context) => {
    for (const message of pathProblems(value)) context.addIssue({ code: "custom", message });
  });

const headerMatch = z
  .strictObject({
    type: z.enum(["Exact", "RegularExpression"]).default("Exact"),
    name: headerName,
    value: z.string().min(1).max(4096),
  })
  .superRefine(checkPattern);

const queryParamMatch = z
  .strictObject({
    type: z.enum(["Exact", "RegularExpression"]).default("Exact"),
    name: headerName,
    value: z.string().min(1).max(1024),
  })
  .superRefine(checkPattern);

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] as const;

const match = z.strictObject({
  path: path.default({ type: "PathPrefix", value: "/" }),
  headers: z.array(headerMatch).max(16).default([]),
  queryParams: z.array(queryParamMatch).max(16).default([]),
  method: z.enum(methods).optional(),
});
export type RouteMatch = z.output<typeof match>;

const header = z.strictObject({ name: headerName, value: headerValue });
const headers = z
  .array(header)
  .max(16)
  .superRefine(distinct(({ name }) => name.toLowerCase()))
  .default([]);
const headerModifier = z.strictObject({
  set: headers,
  add: headers,
  remove: z.array(headerName).max(16).default([]),
});
export type HeaderModifier = z.output<typeof headerModifier>;

const pathModifier = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ReplaceFullPath"), replaceFullPath: replacement }),
  // An empty replacement takes the prefix away, as `/` does.
  z.strictObject({ type: z.literal("ReplacePrefixMatch"), replacePrefixMatch: z.literal("").or(replacement) }),
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

const requestMirror = z
  .strictObject({
    backendRef: backendObjectReference,
    percent: z.int().min(0).max(100).optional(),
    fraction: z
      .strictObject({ numerator: z.int().min(0), denominator: z.int().min(1).default(100) })
      .refine(({ numerator, denominator }) => numerator <= denominator, "must not be more than one")
      .optional(),
  })
  .refine(({ percent, fraction }) => percent === undefined || fraction === undefined, "takes percent or fraction");
export type RequestMirror = z.output<typeof requestMirror>;

const origin = z
  .string()
  .max(300)
  .regex(
    /^(\*|https?:\/\/(\*|(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\])(:\d{1,5})?)$/i,
    "must be '*' or scheme://host[:port], where the host may be '*' or begin with '*.'",
  );

/** `*` stands for all, and so it stands alone. */
const alone = (all: readonly string[]): boolean => all.length === 1 || !all.includes("*");

const cors = z.strictObject({
  allowOrigins: z.array(origin).max(64).refine(alone, "must not hold '*' beside others").default([]),
  allowCredentials: z.boolean().optional(),
  allowMethods: z
    .array(z.enum([...methods, "*"]))
    .max(9)
    .refine(alone, "must not hold '*' beside others")
    .default([]),
  allowHeaders: z.array(headerName).max(64).default([]),
  exposeHeaders: z.array(headerName).max(64).default([]),
  maxAge: z.int().min(1).default(5),
});

export type CorsFilter = z.output<typeof cors>;

const externalAuth = z.strictObject({
  protocol: z.enum(["HTTP", "GRPC"]),
  backendRef: backendObjectReference,
  grpc: z.unknown().optional(),
  http: z.unknown().optional(),
  forwardBody: z.unknown().optional(),
});

const filter = z.discriminatedUnion("type", [
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

const backendRef = backendObjectReference.extend({
  weight: z.int().min(0).max(1_000_000).default(1),
  filters: z.array(filter).max(16).default([]),
});
/** What a backendRef and a mirror have in common. */
export type ObjectReference = z.output<typeof backendObjectReference>;

/** Released versions write `sessionName` and `cookieConfig`, later ones `cookie` and `header`. */
const sessionPersistence = z
  .strictObject({
    sessionName: headerName.max(128).optional(),
    absoluteTimeout: duration.optional(),
    idleTimeout: duration.optional(),
    type: z.enum(["Cookie", "Header"]).default("Cookie"),
    cookieConfig: z.strictObject({ lifetimeType: z.enum(["Permanent", "Session"]).default("Session") }).optional(),
    cookie: z
      .strictObject({
        name: headerName.max(128).optional(),
        lifetimeType: z.enum(["Permanent", "Session"]).default("Session"),
      })
      .optional(),
    header: z.strictObject({ name: headerName }).optional(),
  })
  .superRefine(({ type, cookie, cookieConfig, header, absoluteTimeout }, context) => {
    const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    if (type === "Header" && cookie) refuse("cookie", "is for type Cookie");
    if (type === "Header" && cookieConfig) refuse("cookieConfig", "is for type Cookie");
    if (type === "Cookie" && header) refuse("header", "is for type Header");
    if (cookie && cookieConfig) refuse("cookieConfig", "is the older name of cookie: write one of them");
    if ((cookie ?? cookieConfig)?.lifetimeType === "Permanent" && absoluteTimeout === undefined)
      refuse("absoluteTimeout", "is required when lifetimeType is Permanent");
  });

const timeouts = z
  .strictObject({ request: duration.optional(), backendRequest: duration.optional() })
  .refine(
    ({ request = "0s", backendRequest = "0s" }) =>
      milliseconds(request) === 0 || milliseconds(backendRequest) <= milliseconds(request),
    { path: ["backendRequest"], message: "must not be longer than request" },
  );

const ruleFields = z.strictObject({
  name: objectName.optional(),
  matches: z
    .array(match)
    .max(128)
    .default([{ path: { type: "PathPrefix", value: "/" }, headers: [], queryParams: [] }])
    // An empty list means the same as none: everything.
    .transform((all) => (all.length > 0 ? all : [match.parse({})])),
  filters: z.array(filter).max(16).default([]),
  backendRefs: z.array(backendRef).max(16).default([]),
  timeouts: timeouts.optional(),
  retry: z
    .strictObject({
      codes: z.array(z.int().min(400).max(599)).optional(),
      attempts: z.int().min(0).optional(),
      backoff: duration.optional(),
    })
    .optional(),
  sessionPersistence: sessionPersistence.optional(),
});

/** These may stand once in a list of filters; a second would make the order matter, which the specification leaves open. */
const SINGLE_FILTERS: readonly string[] = [
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestRedirect",
  "URLRewrite",
  "CORS",
];

/** The specification's rules across the fields of a rule. */
const rule = ruleFields.superRefine(({ filters, matches, backendRefs }, context) => {
  const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
  const lists = [
    { filters, at: [] as PropertyKey[] },
    ...backendRefs.map((ref, index) => ({ filters: ref.filters, at: ["backendRefs", index] })),
  ];
  for (const { filters: list, at } of lists) {
    const types = list.map(({ type }) => type);
    list.forEach((one, index) => {
      const path = [...at, "filters", index];
      if (SINGLE_FILTERS.includes(one.type) && types.indexOf(one.type) < index)
        refuse(path, `${one.type} may stand once only`);
      if (one.type === "URLRewrite" && types.includes("RequestRedirect"))
        refuse(path, "URLRewrite and RequestRedirect exclude each other");
      const field = one.type === "URLRewrite" ? "urlRewrite" : "requestRedirect";
      const modifier =
        one.type === "URLRewrite" ? one.urlRewrite.path : one.type === "RequestRedirect" && one.requestRedirect.path;
      if (
        modifier &&
        modifier.type === "ReplacePrefixMatch" &&
        !matches.every(({ path }) => path.type === "PathPrefix")
      )
        refuse([...path, field, "path"], "ReplacePrefixMatch needs matches by PathPrefix");
    });
  }
  if (filters.some(({ type }) => type === "RequestRedirect") && backendRefs.length > 0)
    refuse(["backendRefs"], "cannot stand beside a RequestRedirect, which answers without a backend");
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
        .superRefine(distinct(({ name }) => name))
        .default([])
        .transform((rules) => (rules.length > 0 ? rules : [rule.parse({})])),
    }),
  },
);
