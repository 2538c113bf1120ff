import { z } from "zod";
import { defineKind, GATEWAY_API } from "./kind.ts";
import { distinct, fromNamespaces, hostname, labelName, objectName, port } from "./parts.ts";

const secretReference = z.strictObject({
  group: z.string().default(""),
  kind: z.string().default("Secret"),
  namespace: labelName.optional(),
  name: objectName,
});

const objectReference = z.strictObject({
  group: z.string(),
  kind: z.string(),
  namespace: labelName.optional(),
  name: objectName,
});

const validation = z.strictObject({
  caCertificateRefs: z.array(objectReference).max(8).optional(),
  mode: z.enum(["AllowValidOnly", "AllowInsecureFallback"]).optional(),
});

const allowedRoutes = z.strictObject({
  namespaces: fromNamespaces("Same"),
  kinds: z
    .array(z.strictObject({ group: z.string().default(GATEWAY_API), kind: z.string().min(1) }))
    .max(8)
    .default([]),
});

export const listener = z.strictObject({
  name: objectName,
  hostname: hostname.optional(),
  port,
  protocol: z.string().min(1).max(255),
  tls: z
    .strictObject({
      mode: z.enum(["Terminate", "Passthrough"]).default("Terminate"),
      certificateRefs: z.array(secretReference).max(64).default([]),
      options: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  allowedRoutes: allowedRoutes.default({ namespaces: { from: "Same" }, kinds: [] }),
});
export type Listener = z.output<typeof listener>;

export const gateway = defineKind(
  {
    kind: "Gateway",
    plural: "gateways",
    shortNames: ["gtw"],
    group: GATEWAY_API,
    versions: ["v1", "v1beta1"],
    namespaced: true,
  },
  {
    spec: z.strictObject({
      gatewayClassName: objectName,
      listeners: z
        .array(listener)
        .max(64)
        .superRefine(distinct(({ name }) => name))
        .default([]),
      addresses: z
        .array(z.strictObject({ type: z.string().default("IPAddress"), value: z.string().optional() }))
        .max(16)
        .optional(),
      infrastructure: z
        .strictObject({
          labels: z.record(z.string(), z.string()).optional(),
          annotations: z.record(z.string(), z.string()).optional(),
          parametersRef: z.strictObject({ group: z.string(), kind: z.string(), name: objectName }).optional(),
        })
        .optional(),
      allowedListeners: z.strictObject({ namespaces: fromNamespaces("None") }).optional(),
      tls: z
        .strictObject({
          backend: z.strictObject({ clientCertificateRef: secretReference.optional() }).optional(),
          frontend: z
            .strictObject({
              default: z.strictObject({ validation: validation.optional() }),
              perPort: z
                .array(z.strictObject({ port, tls: z.strictObject({ validation: validation.optional() }) }))
                .optional(),
            })
            .optional(),
        })
        .optional(),
      defaultScope: z.enum(["All", "None"]).optional(),
    }),
  },
);
