/** Who a workload is: a SPIFFE ID (SPIFFE-ID.md §2) by namespace and service account, as Istio and Linkerd name workloads. */
import { isRecord } from "./canonical.ts";
import type { KeySet } from "./key-set.ts";

export type Identity = {
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<name>` */
  readonly spiffe: string;
  readonly namespace: string;
  readonly name: string;
};

export const identity = (trustDomain: string, namespace: string, name: string): Identity => ({
  spiffe: `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`,
  namespace,
  name,
});

/** The identity that `spiffe` names, if it is one of this trust domain: of another, nothing here vouches for it. */
export function identityOf(trustDomain: string, spiffe: unknown): Identity | undefined {
  if (typeof spiffe !== "string") return undefined;
  const [, namespace, name] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffe) ?? [];
  if (namespace === undefined || name === undefined) return undefined;
  const found = identity(trustDomain, namespace, name);
  return found.spiffe === spiffe ? found : undefined;
}

/** What an edge knows of identities, as it stands in the snapshot: enough to verify a workload without asking anyone. */
export type MeshIdentity = {
  readonly trustDomain: string;
  /** By which workloads' tokens verify. */
  readonly workloadKeys: KeySet;
  /** By which the assertions verify that edges make to services. */
  readonly edgeKeys: KeySet;
  /** By SPIFFE ID: tokens that were issued in this second or before do not count; with null, nothing that the workload says does. */
  readonly revoked: Readonly<Record<string, number | null>>;
};

/** What a stored value is tested for before an edge believes it. */
export function isMeshIdentity(value: unknown): value is MeshIdentity {
  if (!isRecord(value) || !isRecord(value.revoked)) return false;
  const areKeys = (set: unknown) => isRecord(set) && Array.isArray(set.keys) && set.keys.every(isRecord);
  return (
    typeof value.trustDomain === "string" &&
    areKeys(value.workloadKeys) &&
    areKeys(value.edgeKeys) &&
    Object.values(value.revoked).every((until) => until === null || typeof until === "number")
  );
}

export const issuerOf = (trustDomain: string): string => `spiffe://${trustDomain}`;

/** Whom a workload's token is for: any edge of the mesh, and nobody else. */
export const edgeAudience = (trustDomain: string): string => `spiffe://${trustDomain}/edge`;

/** Whom an assertion is for: one service. `service` is `name.namespace`. */
export function serviceAudience(trustDomain: string, service: string): string {
  const dot = service.lastIndexOf(".");
  return `spiffe://${trustDomain}/ns/${service.slice(dot + 1)}/svc/${service.slice(0, dot)}`;
}

/** Who vouches for an operator that asks an edge why, and whom it is told: any edge, and for nothing else. */
export const DEBUG_ISSUER = "selvedge:control";
export const DEBUG_AUDIENCE = "selvedge:debug";
/** How long such a token is good, in milliseconds. */
export const DEBUG_MS = 5 * 60_000;

/** How long a workload's token is good, in milliseconds. */
export const TOKEN_MS = 10 * 60_000;
/** How long an assertion to a service is good, in milliseconds. */
export const ASSERTION_MS = 5 * 60_000;
/** By how much clocks may differ, in milliseconds. */
export const SKEW_MS = 30_000;

/** Whether something that was said in the second `issuedAt` (absent for what says it anew each time) still counts. */
export function isRevoked({ revoked }: MeshIdentity, { spiffe }: Identity, issuedAt?: number): boolean {
  if (!Object.hasOwn(revoked, spiffe)) return false;
  const until = revoked[spiffe];
  return until === null || until === undefined || (issuedAt !== undefined && issuedAt <= until);
}
