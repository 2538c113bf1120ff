/** What control shows: nothing here changes anything. */
import type { EdgesResponse, HistoryResponse, Pointer, ResourcesResponse, SnapshotResponse } from "../../mesh/api.ts";
import { config, type Env, fleet } from "./env.ts";
import { recompiled } from "./publish.ts";
import { Refusal } from "./refusal.ts";
import { historyQuery, noQuery, queryOf, resourcesQuery } from "./request.ts";
import { meshInForce, publishedText } from "./snapshot.ts";
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
  return Response.json({ ...head, text: await textOf(env, head) } satisfies SnapshotResponse);
}

async function textOf(env: Env, head: Pointer): Promise<string> {
  // KV may be down while the truth is at hand.
  const published = await publishedText(env, head).catch(() => undefined);
  if (published !== undefined) return published;
  const { text, newHash } = await recompiled(env);
  if (newHash === head.hash) return text;
  throw new Refusal("unavailable", { detail: "The snapshot cannot be read from KV. POST /v1/publish mends it." });
}
