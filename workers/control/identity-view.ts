/** What snapshots are to say of identities. It changes seldom, and every apply needs it. */
import type { MeshIdentity } from "../../mesh/identity.ts";
import { type Env, identities, trustDomainOf } from "./env.ts";

export type IdentityView = { readonly version: string; readonly identity: MeshIdentity | undefined };

/** Plain data, which requests of one isolate may share. */
let known: IdentityView = { version: "", identity: undefined };

/** The last one that this isolate has seen: to be used only if `isNewest` says so before anything comes of it. */
export const lastIdentityView = (): IdentityView => known;

export async function isNewest(env: Env, { version }: IdentityView): Promise<boolean> {
  return (await identities(env).version()) === version;
}

export async function identityView(env: Env): Promise<IdentityView> {
  known = await identities(env).view(trustDomainOf(env));
  return known;
}
