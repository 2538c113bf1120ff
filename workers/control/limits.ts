/** Every limit in the fleet: what edges say of its busiest buckets, and what their objects have left. */
import type { BucketState } from "../../durable-objects/rate-limit.ts";
import type { LimitsResponse, LimitStatus, ResetResponse } from "../../mesh/api.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { type BucketUse, isMeant, limitOf, limitsOf, onlyBucketOf, rounded } from "../../mesh/limits.ts";
import type { RateLimit } from "../../mesh/policies/rate-limit.ts";
import type { Snapshot } from "../../mesh/snapshot.ts";
import type { Tell } from "./audit.ts";
import type { Caller } from "./auth.ts";
import { type Env, fleet } from "./env.ts";
import { Refusal } from "./refusal.ts";
import { bodyOf, limitsQuery, queryOf, resetRequest } from "./request.ts";
import { meshInForce } from "./mesh.ts";

/** Each is one call to an object; an operator reads fewer. */
const MOST_SHOWN = 1000;
const AT_ONCE = 50;

export async function limits(request: Request, env: Env): Promise<Response> {
  const { name = "" } = queryOf(request, limitsQuery);
  const { epoch, limits: all } = await limitsInForce(env);
  const asked = (await buckets(env, all)).filter(({ use }) => use.bucket.includes(name));
  const items = await each(asked, ({ limit, use }) => statusOf(env, limit, use));
  return Response.json({ epoch, items } satisfies LimitsResponse);
}

/** Fills up the buckets that are meant: of a policy or a limit those that edges name, or one by its own name. */
export async function reset(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const { name } = await bodyOf(request, resetRequest);
  tell({ name });
  const { limits: all } = await limitsInForce(env);
  // A bucket has its name even if no edge has named it of late.
  const isBucket = all.some((limit) => name !== limit.name && isMeant(name, limit.name));
  if (!isBucket && !all.some((limit) => isMeant(limit.name, name)))
    throw new Refusal("not-found", { detail: `No limit in force is called ${name}.` });
  const meant = isBucket
    ? [name]
    : (await buckets(env, all)).map(({ use }) => use.bucket).filter((bucket) => isMeant(bucket, name));
  const filled = await each(meant, async (bucket) => env.RATE_LIMIT.getByName(bucket).fillUp());
  // Edges that were told to wait are told that they need not.
  await fleet(env).reset(name);
  return Response.json({ buckets: filled.filter(Boolean).length } satisfies ResetResponse);
}

async function limitsInForce(env: Env): Promise<{ epoch: number; limits: readonly RateLimit[] }> {
  const { epoch, resources } = await meshInForce(env);
  const { snapshot }: { snapshot: Snapshot } = compile(resources);
  return { epoch, limits: limitsOf(snapshot) };
}

type InUse = { readonly limit: RateLimit; readonly use: BucketUse };

/** Those that edges name, of limits in force, and of limits without a key the only one, used or not; those that refuse most first. */
async function buckets(env: Env, limits: readonly RateLimit[]): Promise<readonly InUse[]> {
  const byName = new Map(limits.map((limit) => [limit.name, limit]));
  const found = new Map<string, InUse>();
  for (const use of await fleet(env).uses(MOST_SHOWN)) {
    const limit = byName.get(limitOf(use.bucket));
    if (limit) found.set(use.bucket, { limit, use });
  }
  for (const limit of limits) {
    const bucket = onlyBucketOf(limit);
    if (limit.key.length === 0 && !found.has(bucket))
      found.set(bucket, { limit, use: { bucket, wanted: 0, refused: 0 } });
  }
  return [...found.values()];
}

async function statusOf(env: Env, limit: RateLimit, { bucket, wanted, refused }: BucketUse): Promise<LimitStatus> {
  const { name, requests, windowMs, burst, local, credit, dryRun } = limit;
  const about = {
    limit: name,
    key: bucket.slice(name.length + 1),
    mode: local ? ("local" as const) : credit === undefined ? ("strict" as const) : ("bounded" as const),
    ...(dryRun && { dryRun }),
    per: requests,
    windowMs,
    burst,
    wanted: rounded(wanted),
    refused: rounded(refused),
  };
  if (local) return about;
  try {
    const { level, lent, leases } = (await env.RATE_LIMIT.getByName(bucket).show()) ?? FULL;
    return { ...about, level: Math.min(level, burst), lent, leases };
  } catch (error) {
    console.warn(`the limit ${bucket} does not answer: ${String(error)}`);
    return about;
  }
}

const FULL: BucketState = { level: Infinity, lent: 0, leases: 0 };

/** So many at once, in the order given. */
async function each<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE)
    answers.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(ask))));
  return answers;
}
