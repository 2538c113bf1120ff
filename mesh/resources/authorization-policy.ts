import { z } from "zod";
import { blockProblem } from "../policies/authorize-clause.ts";
import { conditionProblem } from "../policies/condition.ts";
import { pathProblem } from "../policies/path-template.ts";
import { defineKind, SELVEDGE_API } from "./kind.ts";
import { checked, distinct, headerName, labelName, targetReference } from "./parts.ts";

/** Exact, `prefix*`, `*suffix`, or `*` for anything that is there. */
const pattern = z
  .string()
  .min(1)
  .max(1024)
  .refine(
    (text) => !text.slice(1, -1).includes("*"),
    "has a * in the middle: only its first or last character may be one",
  );

const listOf = <T extends z.ZodType>(one: T) => z.array(one).min(1).max(256).optional();
const patterns = listOf(pattern);
const blocks = listOf(checked(blockProblem));
const paths = listOf(checked(pathProblem));
const ports = listOf(z.string().regex(/^\d{1,5}$/, 'must be a port in quotes, such as "443"'));

const notEmpty = (value: object): boolean => Object.values(value).some((list) => list !== undefined);
const SAYS_NOTHING = "says nothing: leave it out, or give at least one field";

const source = z
  .strictObject({
    /** SPIFFE IDs, with `spiffe://` or, as Istio writes them, without. */
    principals: patterns,
    notPrincipals: patterns,
    /** `issuer/subject` of the token that an AuthenticationPolicy accepted. */
    requestPrincipals: patterns,
    notRequestPrincipals: patterns,
    namespaces: patterns,
    notNamespaces: patterns,
    /** `namespace/name`, or `name` in the policy's own namespace. */
    serviceAccounts: patterns,
    notServiceAccounts: patterns,
    /** Of whoever opened the connection to the edge. */
    ipBlocks: blocks,
    notIpBlocks: blocks,
    /** Of the client, behind so many `trustedProxies`. */
    remoteIpBlocks: blocks,
    notRemoteIpBlocks: blocks,
    /** SPIFFE IDs of workloads through which the call came to its caller. */
    callChain: patterns,
    notCallChain: patterns,
  })
  .refine(notEmpty, SAYS_NOTHING);

const operation = z
  .strictObject({
    hosts: patterns,
    notHosts: patterns,
    ports,
    notPorts: ports,
    methods: patterns,
    notMethods: patterns,
    /** Exact, `/a/*`, `*.html`, or with `{*}` for one segment and `{**}` for any number of them. */
    paths,
    notPaths: paths,
  })
  .refine(notEmpty, SAYS_NOTHING);

const PLAIN_KEYS = {
  "source.principal": "principal",
  "source.namespace": "namespace",
  "source.serviceAccount": "serviceAccount",
  "source.ip": "ip",
  "remote.ip": "remoteIp",
  "request.auth.principal": "requestPrincipal",
  "request.auth.audiences": "audiences",
  "request.auth.presenter": "presenter",
  "destination.port": "port",
} as const;

/** What a `when` is about: a plain key, a header or a claim. */
export type WhenKey =
  | { readonly kind: (typeof PLAIN_KEYS)[keyof typeof PLAIN_KEYS] }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "claim"; readonly path: readonly string[] };

/** Undefined for a key that there is not. */
export function whenKey(key: string): WhenKey | undefined {
  if (Object.hasOwn(PLAIN_KEYS, key)) return { kind: PLAIN_KEYS[key as keyof typeof PLAIN_KEYS] };
  const header = /^request\.headers\[([^[\]]+)\]$/.exec(key)?.[1];
  if (header !== undefined && headerName.safeParse(header).success)
    return { kind: "header", name: header.toLowerCase() };
  const claims = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1];
  return claims === undefined ? undefined : { kind: "claim", path: claims.slice(1, -1).split("][") };
}

const when = z
  .strictObject({
    key: checked((key) =>
      whenKey(key)
        ? undefined
        : `must be one of ${Object.keys(PLAIN_KEYS).join(", ")}, request.headers[name] or request.auth.claims[name]`,
    ),
    values: patterns,
    notValues: patterns,
  })
  .refine(({ values, notValues }) => values !== undefined || notValues !== undefined, "needs values or notValues")
  .superRefine(({ key, values = [], notValues = [] }, context) => {
    if (key !== "source.ip" && key !== "remote.ip") return;
    for (const [field, texts] of [
      ["values", values],
      ["notValues", notValues],
    ] as const)
      texts.forEach((text, index) => {
        const message = blockProblem(text);
        if (message !== undefined) context.addIssue({ code: "custom", path: [field, index], message });
      });
  });

const rule = z.strictObject({
  name: labelName.optional(),
  from: z.array(z.strictObject({ source })).min(1).max(64).optional(),
  to: z.array(z.strictObject({ operation })).min(1).max(64).optional(),
  when: z.array(when).min(1).max(64).optional(),
  /** In CEL, over `request`, `source` and `claims`. */
  condition: checked(conditionProblem, 4096).optional(),
});

/** Who may call what. Fields and their meaning are Istio's, so that its policies can be taken over as they are. */
export const authorizationPolicy = defineKind(
  {
    kind: "AuthorizationPolicy",
    plural: "authorizationpolicies",
    shortNames: ["ap"],
    group: SELVEDGE_API,
    versions: ["v1alpha1"],
    namespaced: true,
  },
  {
    spec: z
      .strictObject({
        targetRefs: z.array(targetReference).min(1).max(16),
        action: z.enum(["ALLOW", "DENY", "AUDIT"]).default("ALLOW"),
        /** Decides nothing; what it would refuse is counted. */
        dryRun: z.boolean().default(false),
        /** How many proxies before the edge append to X-Forwarded-For. */
        trustedProxies: z.int().min(0).max(16).default(0),
        /** A policy that allows and has no rules allows nothing: the switch to deny by default. */
        rules: z
          .array(rule)
          .max(256)
          .superRefine(distinct(({ name }) => name))
          .default([]),
      })
      .refine(({ action, rules }) => action === "ALLOW" || rules.length > 0, {
        path: ["rules"],
        message: "must have a rule: without one the policy never applies",
      }),
  },
);
