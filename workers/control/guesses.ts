/**
 * How control stands up to guesses (mesh/guesses.ts). A client whose address is known is not looked at for a while, whatever it sends:
 * if right secrets were still told from wrong ones, guessing would go on. Where addresses are not known, or all clients have the one of
 * this machine, the right secret is always taken, or anyone could shut out everyone.
 */
import { isLoopback, networkOf } from "../../mesh/client-network.ts";
import { guessed, waitOf } from "../../mesh/guesses.ts";
import { clientAddress } from "../client-address.ts";
import type { Env } from "./env.ts";
import { answer } from "./refusal.ts";

/** Whose secrets are counted together: clients of one network that want to be the same. */
export type Source = { readonly name: string; readonly isKnown: boolean };

/** `as` is whom the secrets are said to be of: a workload that is set up wrongly shuts out no other behind the same address. */
export function sourceOf(request: Request, env: Env, as: string): Source {
  const client = env.CLIENT_ADDRESS === undefined ? "" : clientAddress(env.CLIENT_ADDRESS)(request);
  const isKnown = client !== "" && !isLoopback(client);
  // One client of IPv6 has all the addresses of a /64.
  return { name: isKnown ? `${as} ${networkOf(client, 32, 64)}` : as, isKnown };
}

/** The refusal of a source whose secrets are not looked at for now. */
export const shutOut = (env: Env, { name, isKnown }: Source): Response | undefined =>
  isKnown ? tooMany(waitOf(env.memory.guesses, name, Date.now())) : undefined;

/** Counts a wrong secret, and gives the refusal in place of the usual one where there were too many. */
export function wrongSecret(env: Env, { name, isKnown }: Source, digest: string): Response | undefined {
  const now = Date.now();
  const wait = waitOf(env.memory.guesses, name, now);
  guessed(env.memory.guesses, name, digest, now);
  return isKnown ? undefined : tooMany(wait);
}

function tooMany(waitMs: number): Response | undefined {
  if (waitMs === 0) return undefined;
  const seconds = Math.ceil(waitMs / 1000);
  const detail = `Secrets from this address are looked at again in ${seconds} s.`;
  return answer("too-many-guesses", { detail }, { headers: { "retry-after": String(seconds) } });
}
