import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { newSnapshotKey } from "../../cli/snapshot-keys.ts";
import type { ChangeResponse, CheckResponse, HistoryResponse, PublishResponse, SignedPointer } from "../../mesh/api.ts";
import { accepted, applying, get, refused, sendWith, service } from "./client.ts";

const [key, next] = (await Promise.all([newSnapshotKey(), newSnapshotKey()])).map((one) => JSON.stringify(one)) as [
  string,
  string,
];
const named = async () => JSON.parse((await env.SNAPSHOTS.get("pointer")) ?? "null") as SignedPointer | null;
const apply = async (SNAPSHOT_KEY: string, text: string): Promise<ChangeResponse> =>
  accepted(await sendWith({ SNAPSHOT_KEY }, "/v1/apply", applying(text)));
const publish = async (SNAPSHOT_KEY: string) =>
  (await sendWith({ SNAPSHOT_KEY }, "/v1/publish", { method: "POST" })).json<PublishResponse>();

beforeEach(() => reset());

it("signs what KV, the fleet and a deploy are told, and signs it anew by a new key", async () => {
  const { epoch, hash } = await apply(key, service("cart"));
  const pointer = await named();
  expect(pointer).toEqual({ epoch, hash, signature: expect.any(String) });
  const report = { id: "e1", name: "edge", colo: "X", epoch: 0, hash: "", source: "none" } as const;
  expect(await env.FLEET.getByName("fleet").checkIn(report)).toEqual(pointer);
  const snapshot = await sendWith({ SNAPSHOT_KEY: key }, "/v1/snapshot");
  expect(await snapshot.json()).toMatchObject({ ...pointer });

  expect((await publish(key)).mended).toEqual([]);
  expect((await publish(next)).mended).toEqual(["pointer"]);
  const anew = await named();
  expect([anew?.epoch, anew?.hash, anew?.signature === pointer?.signature]).toEqual([epoch, hash, false]);
  expect(await env.FLEET.getByName("fleet").checkIn(report)).toEqual(anew);
});

it("is told by check of a key that is none, of a signature that is not its own, and of an edge without keys", async () => {
  await apply(key, service("cart"));
  const report = { id: "e1", name: "edge", colo: "X", epoch: 0, hash: "", source: "none" } as const;
  await env.FLEET.getByName("fleet").checkIn(report);
  const said = async (SNAPSHOT_KEY: string) => {
    const response = await sendWith({ SNAPSHOT_KEY }, "/v1/check");
    const { checks } = await response.json<CheckResponse>();
    return checks.flatMap(({ error, description }) => (/sign|pointer/.test(description) && error ? [error] : []));
  };
  const trusting = "edge has no SNAPSHOT_KEYS";
  expect(await said(key)).toEqual([trusting]);
  expect(await said(next)).toEqual(["its signature is not control's; epoch 1 is in force", trusting]);
  expect(await said("")).toEqual([
    expect.stringMatching("has no SNAPSHOT_KEY"),
    "its signature is by a key that control has not got; epoch 1 is in force",
    trusting,
  ]);
  expect((await said("no JSON"))[0]).toMatch("is not a private Ed25519 JWK");
});

it.each(["no JSON", "null", '{"kty":"OKP"}', key.replace(/"d":"[^"]*"/, '"d":"AAAA"')])(
  "changes nothing while SNAPSHOT_KEY is %s, and does not show it",
  async (wrong) => {
    const { said, problem } = await refused(
      await sendWith({ SNAPSHOT_KEY: wrong }, "/v1/apply", applying(service("cart"))),
    );
    expect([said, problem.detail]).toEqual(["503 unavailable", expect.stringContaining("selvedge keys create")]);
    expect(problem.detail).not.toContain(wrong);
    expect(await get<HistoryResponse>("/v1/history")).toEqual({ items: [] });
  },
);

it("does not count on from an epoch that it has not signed", async () => {
  const { epoch } = await apply(key, service("cart"));
  await env.SNAPSHOTS.put("pointer", JSON.stringify({ ...(await named()), epoch: Number.MAX_SAFE_INTEGER }));
  expect((await apply(key, service("cart", 81))).epoch).toBe(epoch + 1);
});
