import { z } from "zod";
import { listener } from "./gateway.ts";
import { defineKind, GATEWAY_API } from "./kind.ts";
import { distinct, labelName, objectName } from "./parts.ts";

export const listenerSet = defineKind(
  {
    kind: "ListenerSet",
    plural: "listenersets",
    shortNames: ["lset"],
    group: GATEWAY_API,
    versions: ["v1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      parentRef: z.strictObject({
        group: z.string().default(GATEWAY_API),
        kind: z.string().default("Gateway"),
        namespace: labelName.optional(),
        name: objectName,
      }),
      listeners: z
        .array(listener)
        .min(1)
        .max(64)
        .superRefine(distinct(({ name }) => name)),
    }),
  },
);
