import { z } from "zod";
import { labelName, objectName } from "./parts.ts";

/** One kind of resource: its names, where it lives, and the schema of everything below `metadata`. */
export type Kind<Body extends z.ZodRawShape = z.ZodRawShape> = {
  readonly kind: string;
  readonly singular: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly group: string;
  readonly versions: readonly string[];
  readonly namespaced: boolean;
  readonly schema: z.ZodObject<
    Body & { apiVersion: z.ZodString; kind: z.ZodLiteral<string>; metadata: typeof metadata }
  >;
  /** Why this runtime cannot carry the kind at all; it is stored and reported, never programmed. */
  readonly uncarried?: string;
};

export type KindNames = Pick<Kind, "kind" | "plural" | "group" | "versions" | "namespaced"> & {
  readonly shortNames?: readonly string[];
  readonly uncarried?: string;
};

/** The metadata of Kubernetes, whole, so that `kubectl get -o yaml` can be applied; what its server owns is dropped. */
const metadata = z.strictObject({
  name: objectName,
  namespace: labelName.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  creationTimestamp: z.iso.datetime({ offset: true }).nullish(),
  generateName: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  selfLink: z.string().optional(),
  managedFields: z.unknown().optional(),
  ownerReferences: z.unknown().optional(),
  finalizers: z.unknown().optional(),
  deletionTimestamp: z.unknown().optional(),
  deletionGracePeriodSeconds: z.unknown().optional(),
});

/** The members of `metadata` that are kept; the rest belongs to a Kubernetes server. */
export const KEPT_METADATA = ["name", "namespace", "labels", "annotations", "creationTimestamp"] as const;

/** `body` is what stands beside apiVersion, kind and metadata: nearly always `spec`. `status` is accepted, and dropped on reading. */
export function defineKind<const Body extends z.ZodRawShape>(names: KindNames, body: Body) {
  return {
    shortNames: [],
    ...names,
    singular: names.kind.toLowerCase(),
    schema: z.strictObject({
      apiVersion: z.string(),
      kind: z.literal(names.kind),
      metadata,
      ...body,
      status: z.unknown().optional(),
    }),
  } as const;
}

export const GATEWAY_API = "gateway.networking.k8s.io";
export const SELVEDGE_API = "mesh.selvedge.dev";
