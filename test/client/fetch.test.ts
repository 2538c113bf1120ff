import { createServer } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { meshFetch, serving, type WayRound } from "../../client/index.ts";
import { upstream } from "../support/upstream.ts";
import { edge, kill, revive } from "./edges.ts";

const ITEMS = "http://catalog.shop.mesh.internal/items?n=1";
const text = async (response: Promise<Response>): Promise<string> => (await response).text();

it("the nearest edge has the call, with what the mesh has to know", async () => {
  const [sidecar, central] = [await edge("sidecar"), await edge("central")];
  const fetch = meshFetch({ edges: [sidecar.url, central.url], token: () => "mine", timeoutMs: 5000 });
  expect(await text(fetch(ITEMS, { method: "POST", body: "b", headers: { a: "1" } }))).toBe("sidecar");
  expect(await text(fetch("http://catalog.shop.mesh.internal:8080/"))).toBe("sidecar");
  const [first, second] = sidecar.calls();
  expect(first).toMatchObject({ method: "POST", url: "/~catalog.shop/items?n=1", body: "b" });
  expect(first!.headers).toMatchObject({ a: "1", "selvedge-token": "mine" });
  expect(Number(first!.headers["selvedge-timeout-ms"])).toBeLessThanOrEqual(5000);
  expect(second!.url).toBe("/~catalog.shop:8080/");
  expect(central.calls()).toEqual([]);
});

it("what is no service of the mesh is fetched as ever, and told nothing", async () => {
  const stranger = await upstream("stranger");
  onTestFinished(() => stranger.close());
  const fetch = meshFetch({ edges: ["http://127.0.0.1:1"], token: () => "mine" });
  expect(await text(fetch(new Request(`${stranger.url}/a`)))).toBe("stranger");
  expect(Object.keys(stranger.received[0]!.headers).filter((name) => name.startsWith("selvedge"))).toEqual([]);
});

it("past a sidecar that was killed every call goes to the central edge, and back once there is one again", async () => {
  const [sidecar, central] = [await edge("sidecar"), await edge("central")];
  const left: WayRound[] = [];
  const fetch = meshFetch({ edges: [sidecar.url, central.url], onWayRound: (event) => left.push(event) });
  expect(await text(fetch(ITEMS))).toBe("sidecar");
  await kill(sidecar);
  // A body that is a text can be sent again: nobody has had it.
  for (let n = 0; n < 5; n++) expect(await text(fetch(ITEMS, { method: "POST", body: "b" }))).toBe("central");
  // It is remembered: the first alone went the long way.
  expect(left).toEqual([
    {
      service: "catalog.shop",
      from: sidecar.url + "/~catalog.shop",
      to: central.url + "/~catalog.shop",
      why: expect.any(String) as string,
    },
  ]);
  await revive(sidecar, (response) => response.setHeader("selvedge-epoch", "2").end('{"direct":[]}'));
  await vi.waitFor(async () => expect(await text(fetch(ITEMS))).toBe('{"direct":[]}'), {
    timeout: 10_000,
    interval: 50,
  });
});

it("what may have been carried out is sent again only if it is idempotent", async () => {
  const [sidecar, central] = [await edge("sidecar"), await edge("central")];
  sidecar.answer = (request) => request.socket.destroy();
  const fetch = meshFetch({ edges: [sidecar.url, central.url] });
  await expect(fetch(ITEMS, { method: "POST", body: "b" })).rejects.toThrow("fetch failed");
  expect(await text(fetch(ITEMS, { method: "PUT", body: "b" }))).toBe("central");
  expect(await text(fetch(ITEMS))).toBe("central");
  expect(central.calls().map(({ method }) => method)).toEqual(["PUT", "GET"]);
});

it.each<
  [
    what: string,
    status: number,
    headers: Record<string, string>,
    gets: "central" | "sidecar",
    posts: "central" | "sidecar",
  ]
>([
  ["the service's own failure", 503, { "selvedge-epoch": "1" }, "sidecar", "sidecar"],
  ["a refusal", 503, { "selvedge-epoch": "1", "selvedge-cause": "breaker-open" }, "sidecar", "sidecar"],
  ["too much to do", 503, { "selvedge-epoch": "1", "selvedge-cause": "overloaded" }, "sidecar", "sidecar"],
  ["no configuration", 503, { "selvedge-epoch": "0", "selvedge-cause": "no-snapshot" }, "central", "central"],
  ["another's scope", 421, { "selvedge-epoch": "1", "selvedge-cause": "out-of-scope" }, "central", "central"],
  ["a failure of the edge", 500, { "selvedge-epoch": "1", "selvedge-cause": "internal" }, "central", "sidecar"],
  ["something else at its place", 502, {}, "central", "sidecar"],
  ["a success", 200, {}, "sidecar", "sidecar"],
])("%s is left for the next way, or is an answer", async (_, status, headers, gets, posts) => {
  const [sidecar, central] = [await edge("sidecar"), await edge("central")];
  sidecar.answer = (_request, response) => void response.writeHead(status, headers).end("sidecar");
  const fetch = meshFetch({ edges: [sidecar.url, central.url] });
  expect(await text(fetch(ITEMS))).toBe(gets);
  expect(await text(meshFetch({ edges: [sidecar.url, central.url] })(ITEMS, { method: "POST", body: "b" }))).toBe(
    posts,
  );
});

it("past the mesh it goes where the configuration says so, the client knows a way, and no edge answers", async () => {
  const central = await edge("central", { direct: ["catalog.shop"] });
  const [catalog, payments] = [await upstream("catalog"), await upstream("payments")];
  onTestFinished(async () => void (await Promise.all([catalog.close(), payments.close()])));
  const fetch = meshFetch({
    edges: [central.url],
    direct: { "catalog.shop": `${catalog.url}/v1`, "payments.shop": payments.url },
    token: () => "mine",
  });
  expect(await text(fetch(ITEMS))).toBe("central");
  await vi.waitFor(() => expect(central.asked()).toBe(1));
  await kill(central);
  expect(await text(fetch(ITEMS, { method: "POST", body: "b" }))).toBe("catalog");
  expect(catalog.received[0]).toMatchObject({ url: "/v1/items?n=1", body: "b" });
  // A service that had the token could call others in its caller's name.
  expect(catalog.received[0]!.headers).not.toHaveProperty("selvedge-token");
  await expect(fetch("http://payments.shop.mesh.internal/")).rejects.toThrow("fetch failed");
  expect(payments.received).toEqual([]);
});

it("until the mesh has said a word, what the client was told holds", async () => {
  const catalog = await upstream("catalog");
  onTestFinished(() => catalog.close());
  const options = { edges: ["http://127.0.0.1:1"], direct: { "catalog.shop": catalog.url } };
  await expect(meshFetch(options)(ITEMS)).rejects.toThrow("fetch failed");
  expect(await text(meshFetch({ ...options, onMeshFailure: "direct" })(ITEMS))).toBe("catalog");
});

it("an edge that takes connections and answers nothing costs a call its time, and later ones nothing", async () => {
  const deaf = createServer(() => {});
  await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void deaf.close());
  const central = await edge("central");
  const { port } = deaf.address() as { port: number };
  const fetch = meshFetch({ edges: [`http://127.0.0.1:${port}`, central.url], timeoutMs: 100 });
  await expect(fetch(ITEMS)).rejects.toMatchObject({ name: "TimeoutError" });
  await vi.waitFor(async () => expect(await text(fetch(ITEMS))).toBe("central"), { timeout: 5000 });
});

it("a caller that gives up says nothing of the edge", async () => {
  const [sidecar, central] = [await edge("sidecar", { answer: () => {} }), await edge("central")];
  const fetch = meshFetch({ edges: [sidecar.url, central.url] });
  const reason = new Error("enough");
  await expect(fetch(ITEMS, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
  await expect(fetch(ITEMS, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(central.calls()).toEqual([]);
});

it("no storm: of calls that may have been carried out, a few are sent again and then one in ten", async () => {
  const [one, two] = [await edge("one"), await edge("two")];
  for (const each of [one, two]) each.answer = (request) => request.socket.destroy();
  const fetch = meshFetch({ edges: [one.url, two.url] });
  const calls = 100;
  for (let n = 0; n < calls; n++) await fetch(ITEMS).catch(() => {});
  expect(one.calls().length).toBe(calls);
  expect(two.calls().length).toBeLessThanOrEqual(20);
});

it("calls carry on what the request says that they are made for", async () => {
  const sidecar = await edge("sidecar");
  const fetch = meshFetch({ edges: [sidecar.url], token: () => Promise.resolve("mine") });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const came = {
    traceparent,
    "selvedge-timeout-ms": "400",
    "selvedge-retries": "1",
    "selvedge-caller": "eyJ",
    cookie: "c",
  };
  await serving(came, async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await fetch(ITEMS);
  });
  await serving(new Headers({ traceparent }), () => fetch(ITEMS, { headers: { traceparent: "own" } }));
  await fetch(ITEMS);
  const [first, second, third] = sidecar.calls().map(({ headers }) => headers);
  expect(first).toMatchObject({ traceparent, "selvedge-retries": "1", "selvedge-caller": "eyJ" });
  expect(first).not.toHaveProperty("cookie");
  expect(Number(first!["selvedge-timeout-ms"])).toBeLessThan(390);
  expect(second).toMatchObject({ traceparent: "own" });
  expect(third).not.toHaveProperty("traceparent");
});

it("a request whose retries are used up is not sent twice, and one whose time is up is not waited for", async () => {
  const [sidecar, central] = [await edge("sidecar"), await edge("central")];
  sidecar.answer = (request) => request.socket.destroy();
  const fetch = meshFetch({ edges: [sidecar.url, central.url] });
  await expect(serving({ "selvedge-retries": "0" }, () => fetch(ITEMS))).rejects.toThrow("fetch failed");
  sidecar.answer = () => {};
  await expect(serving({ "selvedge-timeout-ms": "50" }, () => fetch(ITEMS))).rejects.toMatchObject({
    name: "TimeoutError",
  });
  expect(central.calls()).toEqual([]);
});

it("a body that is a stream is sent once", async () => {
  const central = await edge("central");
  const fetch = meshFetch({ edges: ["http://127.0.0.1:1", central.url] });
  const put = (body: RequestInit["body"]) =>
    fetch(ITEMS, { method: "PUT", body: body!, duplex: "half" } as RequestInit);
  await expect(put(new Blob(["b"]).stream())).rejects.toThrow("fetch failed");
  expect(await text(put("b"))).toBe("central");
});
