import { z } from "zod";
import { defineKind, GATEWAY_API } from "./kind.ts";
import { labelName, objectName } from "./parts.ts";

/** Lets resources of other namespaces refer to what lies in this one. */
export const referenceGrant = defineKind(
  {
    kind: "ReferenceGrant",
    plural: "referencegrants",
    shortNames: ["refgrant"],
    group: GATEWAY_API,
    versions: ["v1", "v1beta1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      from: z
        .array(z.strictObject({ group: z.string(), kind: z.string().min(1), namespace: labelName }))
        .min(1)
        .max(16),
      to: z
        .array(z.strictObject({ group: z.string(), kind: z.string().min(1), name: objectName.optional() }))
        .min(1)
        .max(16),
    }),
  },
);
