import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BucketRequest } from "../../durable-objects/rate-limit.ts";
import type { EdgeReport, LimitsResponse, ResetResponse } from "../../mesh/api.ts";
import { apply, get, post, refused, send, service } from "./client.ts";

const limited = `${service("pay")}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: "", kind: Service, name: pay}]
  limits:
    - {name: all, requests: 10, window: 24h, burst: 100}
    - {name: each, requests: 5, mode: bounded, key: [{type: Header, name: x-user}]}
    - {name: own, requests: 5, mode: local}
`;
const shown = async (query = "") => (await get<LimitsResponse>(`/v1/limits${query}`)).items;
const edge = (id: string, limits: EdgeReport["limits"] = []) =>
  env.FLEET.getByName("fleet").checkIn({ id, name: "edge", colo: "x", epoch: 1, hash: "h", source: "kv", limits });
const lease = (over: Partial<BucketRequest>): BucketRequest => ({
  holder: "h",
  seq: 1,
  using: 0,
  rho: 0,
  depth: 0,
  credit: 0,
  held: 0,
  spent: 0,
  debt: 0,
  demand: 0,
  unit: 1,
  must: 30,
  room: 0,
  epoch: 1,
  limit: { requests: 10, windowMs: 86_400_000, burst: 100 },
  ...over,
});

it("shows what edges name, and what objects have left", async () => {
  await apply(limited);
  // Of limits without a key there is one bucket, used or not.
  expect(await shown()).toMatchObject([
    { limit: "default/p/all", key: "[]", mode: "strict", per: 10, burst: 100, level: 100, leases: 0, wanted: 0 },
    { limit: "default/p/own", key: "[]", mode: "local", wanted: 0 },
  ]);

  await env.RATE_LIMIT.getByName("default/p/all/[]").lease(lease({}));
  await edge("a", [
    { bucket: "default/p/all/[]", wanted: 3, refused: 0 },
    { bucket: 'default/p/each/["bob"]', wanted: 9, refused: 4 },
    { bucket: "default/gone/all/[]", wanted: 1, refused: 9 },
  ]);
  await edge("b", [{ bucket: 'default/p/each/["bob"]', wanted: 1, refused: 2 }]);
  expect(await shown()).toMatchObject([
    { limit: "default/p/each", key: '["bob"]', mode: "bounded", level: 5, wanted: 10, refused: 6 },
    { limit: "default/p/all", level: 70, lent: 30, leases: 1, wanted: 3, refused: 0 },
    { limit: "default/p/own" },
  ]);
  expect(await shown("?name=bob")).toHaveLength(1);
});

it("shows what edges want together in three digits, as what each wants", async () => {
  await apply(limited);
  await edge("a", [{ bucket: "default/p/all/[]", wanted: 9.66, refused: 0.1 }]);
  await edge("b", [{ bucket: "default/p/all/[]", wanted: 0.1, refused: 0.2 }]);
  expect(await shown("?name=all")).toMatchObject([{ wanted: 9.76, refused: 0.3 }]);
});

it.each([["default/p"], ["default/p/all"], ["default/p/all/[]"]])("fills up what %s means", async (name) => {
  await apply(limited);
  const bucket = env.RATE_LIMIT.getByName("default/p/all/[]");
  await bucket.lease(lease({}));
  const answer = await send("/v1/limits/reset", post({ name }));
  expect(await answer.json<ResetResponse>()).toEqual({ buckets: 1 });
  // What is lent is lent: the bucket never holds more than the burst with it.
  expect(await bucket.show()).toMatchObject({ level: 70, lent: 30 });
  expect((await edge("a")).resets?.at(-1)).toMatchObject({ name });
});

it("does not fill up what is no limit's", async () => {
  await apply(limited);
  expect((await refused(await send("/v1/limits/reset", post({ name: "default/q" })))).said).toBe("404 not-found");
  expect((await refused(await send("/v1/limits/reset", post({ nam: "default/p" })))).said).toBe("400 invalid-request");
});
