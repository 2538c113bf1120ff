import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type {
  CheckResponse,
  EdgeReport,
  EdgesResponse,
  HistoryResponse,
  ResourcesResponse,
  SnapshotResponse,
} from "../../mesh/api.ts";
import { apply, get, post, refused, send, sendWith, service } from "./client.ts";

beforeEach(() => reset());

const inNamespace = (text: string, namespace: string) => text.replace("name:", `namespace: ${namespace}, name:`);

it.each([
  ["", ["Namespace//shop", "Service/default/cart", "Service/shop/cart", "Service/shop/stock"]],
  ["?kind=Namespace", ["Namespace//shop"]],
  ["?namespace=shop", ["Service/shop/cart", "Service/shop/stock"]],
  ["?name=cart", ["Service/default/cart", "Service/shop/cart"]],
  ["?kind=Service&namespace=shop&name=stock", ["Service/shop/stock"]],
  ["?kind=service", []],
])("GET /v1/resources%s", async (query, keys) => {
  await apply(
    service("cart") +
      inNamespace(service("cart"), "shop") +
      inNamespace(service("stock"), "shop") +
      "\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
  );
  const response = await send(`/v1/resources${query}`);
  expect(response.headers.get("etag")).toBe('"1"');
  const { epoch, items } = await response.json<ResourcesResponse>();
  expect(epoch).toBe(1);
  expect(items.map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ""}/${metadata.name}`)).toEqual(keys);
});

it("turns the pages of the history", async () => {
  for (const port of [80, 81, 82]) await apply(service("cart", port), { message: `port ${port}` });
  const page = async (query: string) =>
    (await get<HistoryResponse>(`/v1/history${query}`)).items.map(({ epoch, message }) => [epoch, message]);
  expect(await page("")).toEqual([
    [3, "port 82"],
    [2, "port 81"],
    [1, "port 80"],
  ]);
  expect(await page("?limit=1")).toEqual([[3, "port 82"]]);
  expect(await page("?limit=1&before=3")).toEqual([[2, "port 81"]]);
});

it("compiles the snapshot again when KV has lost it, and writes nothing", async () => {
  const { hash } = await apply(service("cart"));
  const before = await get<SnapshotResponse>("/v1/snapshot");
  await env.SNAPSHOTS.delete(`snapshot/${hash}`);
  expect(await get<SnapshotResponse>("/v1/snapshot")).toEqual(before);
  expect(await env.SNAPSHOTS.get(`snapshot/${hash}`)).toBeNull();
});

it("has no snapshot before the first apply", async () => {
  expect((await refused(await send("/v1/snapshot"))).said).toBe("404 not-found");
});

describe("malformed requests", () => {
  const body = (text: string) => ({ method: "POST", body: text });
  it.each<[string, RequestInit, string]>([
    ["/v1/apply", body("{"), "not JSON"],
    ["/v1/apply", body(""), "not JSON"],
    ["/v1/apply", { method: "POST", body: new Uint8Array([0x22, 0xff, 0x22]) }, "not JSON"],
    ["/v1/apply", post({}), "files"],
    ["/v1/apply", post({ files: [], dryrun: true }), "dryrun"],
    ["/v1/apply", post({ files: [{ name: "a", text: 1 }, { text: "" }] }), "files.1.name"],
    ["/v1/apply", post({ files: [], message: "\u001b[2J" }), "control characters"],
    ["/v1/delete", post({ refs: [] }), "refs"],
    ["/v1/delete", post({ refs: [{ kind: "Service" }] }), "refs.0.name"],
    ["/v1/rollback", post({ to: -1 }), "to"],
    ["/v1/rollback", post({ to: "1" }), "to"],
    ["/v1/history?limit=0", {}, "limit"],
    ["/v1/history?limit=x", {}, "limit"],
    ["/v1/resources?kinds=Service", {}, "kinds"],
    ["/v1/edges?x=1", {}, "x"],
  ])("%s %j", async (path, init, says) => {
    const { said, problem } = await refused(await send(path, init));
    expect(said).toBe("400 invalid-request");
    expect(problem.detail).toMatch(says);
  });

  it("are told of every mistake at once", async () => {
    const { problem } = await refused(await send("/v1/apply", post({ files: 1, prune: 2, other: 3 })));
    expect(problem.problems?.map(({ path, code }) => [path, code])).toEqual([
      ["files", "invalid-value"],
      ["prune", "invalid-value"],
      [undefined, "unknown-key"],
    ]);
  });

  it("of unknown kinds to delete are configuration problems", async () => {
    const response = await send("/v1/delete", post({ refs: [{ kind: "Nonsense", name: "x" }] }));
    const { said, problem } = await refused(response);
    expect(said).toBe("422 invalid-configuration");
    expect(problem.problems).toMatchObject([{ code: "unknown-kind" }]);
  });
});

it("refuses a body of more than 25 MiB, whether it tells its length or not", async () => {
  const big = new Uint8Array(25 * 1024 * 1024 + 1).fill(0x20);
  const chunked = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < big.length; at += 1 << 20) controller.enqueue(big.subarray(at, at + (1 << 20)));
      controller.close();
    },
  });
  for (const body of [big, chunked]) {
    expect((await refused(await send("/v1/apply", { method: "POST", body }))).said).toBe("413 too-large");
  }
});

it.each([
  ["PUT", "/v1/apply", "POST"],
  ["GET", "/v1/apply", "POST"],
  ["DELETE", "/v1/resources", "GET, HEAD"],
])("answers %s %s with what is allowed", async (method, path, allow) => {
  const response = await send(path, { method });
  expect(response.headers.get("allow")).toBe(allow);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect((await refused(response)).said).toBe("405 invalid-request");
});

it("answers HEAD as GET without a body", async () => {
  const response = await send("/v1/history", { method: "HEAD" });
  expect([response.status, await response.text()]).toEqual([200, ""]);
});

it("answers unknown paths as a problem", async () => {
  const response = await send("/v1/nowhere");
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect((await refused(response)).said).toBe("404 not-found");
});

const broken = (error: Error) => ({
  CONFIG: {
    getByName: () => {
      throw error;
    },
  } as unknown as typeof env.CONFIG,
});

it.each([
  [new Error("secret detail"), "500 internal"],
  [Object.assign(new Error("secret detail"), { retryable: true }), "503 unavailable"],
  [Object.assign(new Error("secret detail"), { overloaded: true }), "503 unavailable"],
])("keeps what went wrong inside to the log: %s", async (error, answer) => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  const response = await sendWith(broken(error), "/v1/resources");
  expect(logged.mock.calls).toEqual([[error]]);
  logged.mockRestore();
  const { said, problem } = await refused(response);
  expect(said).toBe(answer);
  expect(JSON.stringify(problem)).not.toMatch("secret detail");
});

describe("edges and check", () => {
  const edge = (over: Partial<EdgeReport>): EdgeReport => ({
    id: "e1",
    name: "edge",
    colo: "AMS",
    epoch: 1,
    hash: "",
    source: "kv",
    verifies: true,
    ...over,
  });
  const verdicts = async (over?: Parameters<typeof sendWith>[0]) => {
    const response = over ? await sendWith(over, "/v1/check") : await send("/v1/check");
    const { checks } = await response.json<CheckResponse>();
    return checks.filter(({ result }) => result !== "success").map((one) => `${one.result}: ${one.description}`);
  };

  /** What is said of a mesh without keys, whatever else is. */
  const UNSIGNED = "warning: snapshots are signed";

  it("lists the edges that reported in beside the epoch in force", async () => {
    const { hash } = await apply(service("cart"));
    await env.FLEET.getByName("fleet").checkIn(edge({ hash }));
    const { epoch, edges } = await get<EdgesResponse>("/v1/edges");
    expect(epoch).toBe(1);
    expect(edges).toMatchObject([edge({ hash })]);
  });

  it("is all success when everything is in place", async () => {
    const { hash } = await apply(service("cart"));
    await env.FLEET.getByName("fleet").checkIn(edge({ hash }));
    expect(await verdicts()).toEqual([UNSIGNED]);
  });

  it("warns on a mesh where nothing has happened yet", async () => {
    expect(await verdicts()).toEqual([
      UNSIGNED,
      "warning: the Config object answers",
      "warning: edges have reported in within the last minute",
    ]);
  });

  it("tells a stale edge from one that refuses", async () => {
    await apply(service("cart"));
    const fleet = env.FLEET.getByName("fleet");
    await fleet.checkIn(edge({ id: "late", epoch: 0 }));
    await fleet.checkIn(edge({ id: "no", epoch: 0, nack: { epoch: 1, hash: "x", reason: "hash mismatch" } }));
    const { checks } = await get<CheckResponse>("/v1/check");
    const errors = checks.filter(({ category, error }) => category === "edges" && error).map(({ error }) => error);
    expect(errors).toEqual(["edge late runs epoch 0", "edge no: hash mismatch"]);
  });

  it("finds a broken publication", async () => {
    const { hash } = await apply(service("cart"));
    await env.FLEET.getByName("fleet").checkIn(edge({ hash }));
    await env.SNAPSHOTS.put("pointer", "{}");
    await env.SNAPSHOTS.put(`snapshot/${hash}`, "{}");
    expect(await verdicts()).toEqual([
      UNSIGNED,
      "error: the pointer in KV names the epoch in force",
      "error: the snapshot in KV has the right hash",
    ]);
  });

  it("warns of a short token, and tells one fault as one", async () => {
    const CONTROL_TOKEN = "sixteen-letters!";
    const response = await sendWith({ CONTROL_TOKEN }, "/v1/check", {
      headers: { authorization: `Bearer ${CONTROL_TOKEN}` },
    });
    const { checks } = await response.json<CheckResponse>();
    expect(checks[0]).toMatchObject({ category: "control", result: "warning" });
  });

  it("still answers when the Config object does not", async () => {
    expect(await verdicts(broken(new Error("gone")))).toEqual([
      UNSIGNED,
      "error: the Config object answers",
      "error: the pointer in KV names the epoch in force",
      "error: the snapshot in KV has the right hash",
      "warning: edges have reported in within the last minute",
      "error: every edge runs the epoch in force",
      "error: no service is bypassed",
      "error: no edge refuses the epoch in force",
    ]);
  });
});
