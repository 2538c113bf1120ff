/** What snapshots are to say of identities. It changes seldom, and every apply needs it. */
import { type Env, identities, trustDomainOf } from "./env.ts";
import type { IdentityView } from "./memory.ts";

export async function isNewest(env: Env, { version }: IdentityView): Promise<boolean> {
  return (await identities(env).version()) === version;
}

export async function identityView(env: Env): Promise<IdentityView> {
  env.memory.identity = await identities(env).view(trustDomainOf(env));
  return env.memory.identity;
}
