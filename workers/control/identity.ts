/** Workloads and the keys that vouch for them: the Identity object has the truth, edges learn of it by the snapshot. */
import { z } from "zod";
import type { SecretResponse, TokenResponse, WorkloadsResponse } from "../../mesh/api.ts";
import { muster } from "../../mesh/fleet.ts";
import { hexOf } from "../../mesh/hex.ts";
import { TOKEN_MS } from "../../mesh/identity.ts";
import { labelName, objectName } from "../../mesh/resources/parts.ts";
import type { Tell } from "./audit.ts";
import type { Caller } from "./auth.ts";
import { config, type Env, fleet, identities, trustDomainOf } from "./env.ts";
import { shutOut, sourceOf, wrongSecret } from "./guesses.ts";
import { identityView } from "./identity-view.ts";
import { publishIdentity } from "./publish.ts";
import { answer, Refusal } from "./refusal.ts";
import { bodyOf, noQuery, queryOf } from "./request.ts";

const workloadRequest = z.strictObject({ namespace: labelName, name: objectName });
const rotationRequest = z.strictObject({ drop: z.boolean().default(false) });
type WorkloadRequest = z.output<typeof workloadRequest>;

export async function workloads(request: Request, env: Env): Promise<Response> {
  queryOf(request, noQuery);
  const items = await identities(env).list();
  return Response.json({ trustDomain: trustDomainOf(env), items: [...items] } satisfies WorkloadsResponse);
}

export async function addWorkload(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const workload = await bodyOf<WorkloadRequest>(request, workloadRequest);
  tell(workload);
  const secret = newSecret(workload);
  const added = await identities(env).add(workload.namespace, workload.name, await digest(secret));
  if (!added)
    throw new Refusal("invalid-request", {
      detail: `${titleOf(workload)} is there already; renew gives it a new secret`,
    });
  await publishIdentity(env, `Workload ${titleOf(workload)} added`);
  return Response.json({ secret } satisfies SecretResponse);
}

export async function renewWorkload(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const workload = await bodyOf<WorkloadRequest>(request, workloadRequest);
  tell(workload);
  const secret = newSecret(workload);
  if (!(await identities(env).renew(workload.namespace, workload.name, await digest(secret)))) throw missing(workload);
  return Response.json({ secret } satisfies SecretResponse);
}

export async function revokeWorkload(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const workload = await bodyOf<WorkloadRequest>(request, workloadRequest);
  tell(workload);
  if (!(await identities(env).revoke(workload.namespace, workload.name))) throw missing(workload);
  return Response.json(await publishIdentity(env, `Workload ${titleOf(workload)} revoked`));
}

/** What signs next must be known to every edge before it signs, or a request would be refused in between. */
export async function rotateKeys(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const { drop } = await bodyOf<z.output<typeof rotationRequest>>(request, rotationRequest);
  tell({ drop });
  const [edges, head] = await Promise.all([fleet(env).edges(), config(env).head()]);
  const { stale, refused } = muster(edges, head);
  const behind = [...stale, ...refused];
  if (!drop && behind.length > 0) {
    const names = behind.map(({ name, id }) => `${name} ${id}`).join(", ");
    throw new Refusal("unavailable", {
      detail: `Not every edge has the next key yet: ${names}. Try again once they run epoch ${head.epoch}.`,
    });
  }
  await identities(env).rotateKeys(drop);
  return Response.json(await publishIdentity(env, drop ? "Keys rotated, the old ones dropped" : "Keys rotated"));
}

/**
 * For workloads, by their bootstrap secret: `Authorization: Bearer <secret>`. One answer to every way in which it can be wrong, after
 * the same work.
 */
export async function token(request: Request, env: Env): Promise<Response> {
  const secret = /^bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const [, namespace = "", name = ""] = /^([a-z0-9-]{1,63})\.([a-z0-9.-]{1,253})\.[\w-]+$/.exec(secret) ?? [];
  const source = sourceOf(request, env, `workload ${namespace}/${name}`);
  const refused = shutOut(env, source);
  if (refused) return refused;
  const hash = await digest(secret);
  const issued = await identities(env).issue(trustDomainOf(env), namespace, name, hash);
  if (issued === undefined) {
    const tooMany = secret === "" ? undefined : wrongSecret(env, source, hash);
    if (tooMany) return tooMany;
    const detail = "Send the header `Authorization: Bearer <secret>` with the workload's bootstrap secret.";
    return answer("unauthorized", { detail }, { headers: { "www-authenticate": "Bearer" } });
  }
  return Response.json({ token: issued, expiresInSeconds: TOKEN_MS / 1000 } satisfies TokenResponse);
}

/** For everyone: by which services verify what edges assert (RFC 7517). */
export async function keySet(_request: Request, env: Env): Promise<Response> {
  const { identity } = await identityView(env);
  const keys = identity ? [...identity.edgeKeys.keys, ...identity.workloadKeys.keys] : [];
  return new Response(JSON.stringify({ keys }), {
    headers: { "content-type": "application/jwk-set+json", "cache-control": "public, max-age=300" },
  });
}

const titleOf = ({ namespace, name }: WorkloadRequest): string => `${namespace}/${name}`;
const missing = (workload: WorkloadRequest) =>
  new Refusal("not-found", { detail: `There is no workload ${titleOf(workload)}.` });

/** Names its workload, so that a workload needs this one text. */
const newSecret = ({ namespace, name }: WorkloadRequest): string =>
  `${namespace}.${name}.${hexOf(crypto.getRandomValues(new Uint8Array(32)))}`;

const digest = async (secret: string): Promise<string> =>
  hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret))));
