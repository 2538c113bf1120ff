/** Which cases this runtime cannot carry, and why. Everything else is run and counts. */
import type { Case, CaseRequest } from "./case.ts";

const H2 = "workerd speaks HTTP/1.1 only, in and out; on the platform HTTP/2 ends before the Worker";

/** By the `requires` of a case. Abilities that are not here are had. */
const MISSING: Readonly<Record<string, string>> = {
  h2: H2,
  h2c: H2,
  grpc: "gRPC needs HTTP/2 and trailers, which fetch does not have (workerd issue 6455)",
  "pod-addressing": "a caller reaches the mesh by the names of services; instances have no address of their own in it",
};

const SNI = "TLS ends before the Worker, which is not told the SNI";

/** Why `one` is skipped; undefined for a case that runs. */
export function missing(one: Case): string | undefined {
  for (const ability of one.requires) if (MISSING[ability] !== undefined) return MISSING[ability];
  for (const request of one.requests) {
    const { protocol, target } = request;
    if (protocol === "GRPC") return MISSING.grpc;
    if (protocol === "H2" || protocol === "H2C_PRIOR_KNOWLEDGE") return H2;
    if (target.mode === "mesh" && target.pod) return MISSING["pod-addressing"];
    if (!isSniKnown(request)) return SNI;
  }
  return undefined;
}

/** A client that names one host in both places tells it in the Host. */
const isSniKnown = ({ target, host }: CaseRequest): boolean =>
  target.mode === "mesh" || target.sni === undefined || target.sni === host.replace(/:\d+$/, "");
