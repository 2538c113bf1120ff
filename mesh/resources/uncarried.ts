/** Kinds of Gateway API that this runtime cannot carry: stored and reported with the reason, never programmed. */
import { z } from "zod";
import { defineKind, GATEWAY_API } from "./kind.ts";

const NO_STREAMS = "a Worker sees HTTP requests, not connections";

const uncarried = (kind: string, versions: readonly string[], reason: string, plural = `${kind.toLowerCase()}s`) =>
  defineKind(
    { kind, plural, group: GATEWAY_API, versions, namespaced: true, uncarried: reason },
    { spec: z.unknown() },
  );

export const tcpRoute = uncarried("TCPRoute", ["v1", "v1alpha2"], NO_STREAMS);
export const udpRoute = uncarried("UDPRoute", ["v1", "v1alpha2"], NO_STREAMS);
export const tlsRoute = uncarried("TLSRoute", ["v1", "v1alpha3", "v1alpha2"], `${NO_STREAMS}; TLS ends before it`);
export const grpcRoute = uncarried(
  "GRPCRoute",
  ["v1", "v1alpha2"],
  "gRPC needs HTTP/2 trailers, which fetch does not have; gRPC-Web and Connect pass through an HTTPRoute",
);
export const backendTlsPolicy = uncarried(
  "BackendTLSPolicy",
  ["v1", "v1alpha3"],
  "fetch validates an upstream's certificate against public roots and takes no other",
  "backendtlspolicies",
);
