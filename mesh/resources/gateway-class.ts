import { z } from "zod";
import { defineKind, GATEWAY_API } from "./kind.ts";
import { labelName, objectName } from "./parts.ts";

export const gatewayClass = defineKind(
  {
    kind: "GatewayClass",
    plural: "gatewayclasses",
    shortNames: ["gc"],
    group: GATEWAY_API,
    versions: ["v1", "v1beta1"],
    namespaced: false,
  },
  {
    spec: z.strictObject({
      controllerName: z
        .string()
        .max(253)
        .regex(/^[a-z0-9.-]+\/[A-Za-z0-9/_.~-]+$/, "must be domain/path, such as mesh.selvedge.dev/edge"),
      parametersRef: z
        .strictObject({ group: z.string(), kind: z.string(), name: objectName, namespace: labelName.optional() })
        .optional(),
      description: z.string().max(64).optional(),
    }),
  },
);

/** Gateways of a class with this controller are ours; so are those of the built-in class `selvedge`. */
export const CONTROLLER_NAME = "mesh.selvedge.dev/edge";
export const BUILT_IN_CLASS = "selvedge";
/** As it is shown to who asks for it. */
export const BUILT_IN = {
  apiVersion: `${GATEWAY_API}/v1`,
  kind: "GatewayClass",
  metadata: { name: BUILT_IN_CLASS },
  spec: { controllerName: CONTROLLER_NAME, description: "the edge" },
} as const;
