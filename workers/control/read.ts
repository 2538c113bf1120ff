/** What control shows: nothing here changes anything. */
import type { EdgesResponse, HistoryResponse, Pointer, ResourcesResponse, SnapshotResponse } from "../../mesh/api.ts";
import type { Published } from "../../mesh/published.ts";
import { config, type Env, fleet } from "./env.ts";
import { recompiled } from "./publish.ts";
import { Refusal } from "./refusal.ts";
import { signed } from "./signing.ts";
import { historyQuery, noQuery, queryOf, resourcesQuery } from "./request.ts";
import { meshInForce } from "./mesh.ts";
import { publishedAt } from "./snapshot.ts";
import { withStatus } from "./status.ts";

export async function resources(request: Request, env: Env): Promise<Response> {
  const { kind, namespace, name } = queryOf(request, resourcesQuery);
  const mesh = await meshInForce(env);
  const { epoch } = mesh;
  const items = withStatus(env, mesh, kind).filter(
    (resource) =>
      (kind === undefined || resource.kind === kind) &&
      (namespace === undefined || resource.metadata.namespace === namespace) &&
      (name === undefined || resource.metadata.name === name),
  );
  return Response.json({ epoch, items } satisfies ResourcesResponse, {
    headers: { etag: `"${epoch}"` },
  });
}

export async function history(request: Request, env: Env): Promise<Response> {
  const { limit, before } = queryOf(request, historyQuery);
  return Response.json({ items: await config(env).history(limit, before) } satisfies HistoryResponse);
}

export async function edges(request: Request, env: Env): Promise<Response> {
  queryOf(request, noQuery);
  const [head, reported] = await Promise.all([config(env).head(), fleet(env).edges()]);
  return Response.json({ ...head, edges: reported } satisfies EdgesResponse);
}

export async function snapshot(request: Request, env: Env): Promise<Response> {
  queryOf(request, noQuery);
  const head = await config(env).head();
  if (head.epoch === 0) throw new Refusal("not-found", { detail: "Nothing has been applied yet." });
  const { manifest, shards } = await publishedOf(env, head);
  return Response.json({
    ...(await signed(env, head)),
    manifest: base64(manifest),
    shards: Object.fromEntries([...shards].map(([hash, bytes]) => [hash, base64(bytes)])),
  } satisfies SnapshotResponse);
}

async function publishedOf(env: Env, head: Pointer): Promise<Published> {
  // KV may be down while the truth is at hand.
  const published = await publishedAt(env, head).catch(() => undefined);
  if (published !== undefined) return published;
  const { compiled } = await recompiled(env);
  if (compiled.hash === head.hash) return compiled.published;
  throw new Refusal("unavailable", { detail: "The snapshot cannot be read from KV. POST /v1/publish mends it." });
}

/** In parts of so many bytes, a multiple of three: a call takes no more arguments. */
const BASE64_PART = 0x6000;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += BASE64_PART)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BASE64_PART)));
  return text;
}
