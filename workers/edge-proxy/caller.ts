/**
 * Who calls, where that is proven: by the props of the service binding that was called, by a token of control's, or by a client
 * certificate that the platform has verified. Nothing that a caller could make up counts, and a proof that fails is refused.
 */
import {
  edgeAudience,
  type Identity,
  identity,
  identityOf,
  isRevoked,
  issuerOf,
  type MeshIdentity,
  serviceAudience,
  SKEW_MS,
} from "../../mesh/identity.ts";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import type { Claims } from "../../mesh/policies/authorize-clause.ts";
import type { KeySet } from "../../mesh/key-set.ts";
import type { Pointer } from "../../mesh/api.ts";
import { Denied, type Outside } from "./layer.ts";
import { keep, recall, verify } from "./token.ts";

export type Caller = {
  readonly identity: Identity | undefined;
  /** The SPIFFE IDs through which the call came to its caller, the first one first. */
  readonly chain: readonly string[];
};

const NOBODY: Caller = { identity: undefined, chain: [] };

/** A chain that is longer has gone astray. */
const LONGEST_CHAIN = 16;

/** `workload` (`namespace/name`) is whom the deployment vouches for; empty for nobody. Throws Denied for a proof that is not good. */
export function callerOf(
  mesh: MeshIdentity | undefined,
  workload: string,
  { headers }: Request,
  pinned: Pointer,
  outside: Outside,
): Caller | Promise<Caller> {
  const token = headers.get(MESH_HEADERS.token);
  const chain = headers.get(MESH_HEADERS.caller);
  if (workload !== "") return vouched(mesh, workload);
  if (token === null) return NOBODY;
  if (!mesh) throw new Denied({ cause: "unauthorized", presented: true });
  const by = `${pinned.epoch} ${pinned.hash} `;
  const now = outside.now();
  const known = recall(outside.memory, `${by}workload `, token, now);
  const came = chain === null ? undefined : recall(outside.memory, `${by}chain `, chain, now);
  if (known && (chain === null || came)) return callerBy(mesh, known, came);
  return verified(mesh, token, chain, by, outside);
}

function vouched(mesh: MeshIdentity | undefined, workload: string): Caller {
  const [namespace = "", name = ""] = workload.split("/");
  const found = identity(mesh?.trustDomain ?? "", namespace, name);
  if (!mesh || isRevoked(mesh, found)) throw new Denied({ cause: "unauthorized", presented: true });
  return { identity: found, chain: [] };
}

async function verified(
  mesh: MeshIdentity,
  token: string,
  chain: string | null,
  by: string,
  outside: Outside,
): Promise<Caller> {
  const { trustDomain, workloadKeys, edgeKeys } = mesh;
  const claims = await checked(`${by}workload `, token, workloadKeys, [edgeAudience(trustDomain)], mesh, outside);
  // What a service was told of its caller, it may hand on; that it was told so, its audience proves.
  const from = chain === null ? undefined : await checked(`${by}chain `, chain, edgeKeys, undefined, mesh, outside);
  return callerBy(mesh, claims, from);
}

async function checked(
  by: string,
  token: string,
  keys: KeySet,
  audiences: readonly string[] | undefined,
  { trustDomain }: MeshIdentity,
  { memory, now }: Outside,
): Promise<Claims> {
  const expected = { issuer: issuerOf(trustDomain), audiences, skewMs: SKEW_MS };
  const result = await verify(token, keys, expected, now());
  if ("refused" in result) throw new Denied({ cause: "unauthorized", presented: true });
  keep(memory, by, token, result.claims, now());
  return result.claims;
}

function callerBy(mesh: MeshIdentity, claims: Claims, from: Claims | undefined): Caller {
  const found = identityOf(mesh.trustDomain, claims.sub);
  if (!found || isRevoked(mesh, found, claims.iat as number))
    throw new Denied({ cause: "unauthorized", presented: true });
  return { identity: found, chain: from ? chainTo(mesh, found, from) : [] };
}

/** An assertion that was made to a service of another namespace was not made to this caller: it has been stolen, or strayed. */
function chainTo({ trustDomain }: MeshIdentity, { namespace }: Identity, { aud, sub, chain }: Claims): string[] {
  const own = serviceAudience(trustDomain, `.${namespace}`);
  const hops = Array.isArray(chain) ? chain.filter((hop) => typeof hop === "string") : [];
  if (typeof aud !== "string" || !aud.startsWith(own) || hops.length >= LONGEST_CHAIN)
    throw new Denied({ cause: "unauthorized", presented: true });
  return typeof sub === "string" ? [...hops, sub] : hops;
}
