/**
 * Whether a listener's certificateRefs resolve. The platform ends TLS and the mesh stores no Secrets, so the deployment says
 * by name which certificates the platform holds. A listener that names none takes whichever the platform has for its host.
 */
import { GATEWAY_API } from "../../resources/kind.ts";
import type { Grants } from "../grants.ts";
import type { ListenerFact } from "../listeners.ts";

export type Unresolved = { readonly reason: "RefNotPermitted" | "InvalidCertificateRef"; readonly message: string };

/** `known`: `namespace/name` of each. Undefined where all is well. */
export function unresolvedCertificate(
  { owner, listener }: ListenerFact,
  grants: Grants,
  known: readonly string[],
): Unresolved | undefined {
  for (const { group, kind, name, namespace = owner.metadata.namespace } of listener.tls?.certificateRefs ?? []) {
    const title = `${kind} ${namespace}/${name}`;
    if (group !== "" || kind !== "Secret")
      return { reason: "InvalidCertificateRef", message: `a certificate is a Secret, not ${kind} of group "${group}"` };
    const from = { group: GATEWAY_API, kind: owner.kind, namespace: owner.metadata.namespace };
    if (!grants(from, { group, kind, namespace, name }))
      return { reason: "RefNotPermitted", message: `${title} lies in another namespace without a ReferenceGrant` };
    if (!known.includes(`${namespace}/${name}`))
      return {
        reason: "InvalidCertificateRef",
        message: `${title} is not among the certificates that control's CERTIFICATES names`,
      };
  }
  return undefined;
}
