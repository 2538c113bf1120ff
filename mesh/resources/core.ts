/** The kinds of Kubernetes' core that routing needs. Fields that only a cluster acts on are accepted and change nothing. */
import { z } from "zod";
import { defineKind } from "./kind.ts";
import { distinct, port } from "./parts.ts";

/** They become the host of a URL, so nothing that would mean more there may stand in them. */
const hostOrAddress = z
  .string()
  .max(253)
  .regex(
    /^([A-Za-z0-9]([\w.-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/,
    "must be a host name or an IP address",
  );

export const namespace = defineKind(
  { kind: "Namespace", plural: "namespaces", shortNames: ["ns"], group: "", versions: ["v1"], namespaced: false },
  { spec: z.strictObject({ finalizers: z.array(z.string()).optional() }).optional() },
);

const servicePort = z.strictObject({
  name: z.string().max(63).optional(),
  port,
  targetPort: z.union([port, z.string()]).optional(),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).default("TCP"),
  appProtocol: z.string().optional(),
  nodePort: port.optional(),
});

export const service = defineKind(
  { kind: "Service", plural: "services", shortNames: ["svc"], group: "", versions: ["v1"], namespaced: true },
  {
    spec: z.strictObject({
      ports: z
        .array(servicePort)
        .superRefine(distinct(({ name }) => name))
        .superRefine(distinct(({ port, protocol }) => `${port}/${protocol}`, "port"))
        .default([]),
      type: z.enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]).default("ClusterIP"),
      externalName: hostOrAddress.optional(),
      selector: z.record(z.string(), z.string()).optional(),
      clusterIP: z.string().optional(),
      clusterIPs: z.array(z.string()).optional(),
      externalIPs: z.array(z.string()).optional(),
      ipFamilies: z.array(z.string()).optional(),
      ipFamilyPolicy: z.string().optional(),
      sessionAffinity: z.string().optional(),
      sessionAffinityConfig: z.unknown().optional(),
      internalTrafficPolicy: z.string().optional(),
      externalTrafficPolicy: z.string().optional(),
      trafficDistribution: z.string().optional(),
      publishNotReadyAddresses: z.boolean().optional(),
      allocateLoadBalancerNodePorts: z.boolean().optional(),
      loadBalancerClass: z.string().optional(),
      loadBalancerIP: z.string().optional(),
      loadBalancerSourceRanges: z.array(z.string()).optional(),
      healthCheckNodePort: z.int().optional(),
    }),
  },
);

export const endpointSlice = defineKind(
  {
    kind: "EndpointSlice",
    plural: "endpointslices",
    group: "discovery.k8s.io",
    versions: ["v1"],
    namespaced: true,
  },
  {
    addressType: z.enum(["IPv4", "IPv6", "FQDN"]),
    endpoints: z
      .array(
        z.strictObject({
          addresses: z.array(hostOrAddress).min(1).max(100),
          conditions: z
            .strictObject({
              ready: z.boolean().optional(),
              serving: z.boolean().optional(),
              terminating: z.boolean().optional(),
            })
            .optional(),
          hostname: z.string().optional(),
          nodeName: z.string().optional(),
          zone: z.string().optional(),
          hints: z.unknown().optional(),
          targetRef: z.unknown().optional(),
          deprecatedTopology: z.record(z.string(), z.string()).optional(),
        }),
      )
      .max(1000)
      .default([]),
    ports: z
      .array(
        z.strictObject({
          name: z.string().optional(),
          port: port.optional(),
          protocol: z.string().optional(),
          appProtocol: z.string().optional(),
        }),
      )
      .max(100)
      .default([]),
  },
);

/** The label by which an EndpointSlice says whose endpoints it holds. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
