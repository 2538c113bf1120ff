import { Agent, fetch, request } from "undici";
import { expect, it, onTestFinished, vi } from "vitest";
import { serving, type Options } from "../../client/index.ts";
import { meshInterceptor } from "../../client/undici.ts";
import { upstream } from "../support/upstream.ts";
import { edge, kill } from "./edges.ts";

const ITEMS = "http://catalog.shop.mesh.internal/items?n=1";

function agent(options: Options) {
  const own = new Agent();
  onTestFinished(() => own.destroy());
  return own.compose(meshInterceptor(options));
}

const asked = async (
  dispatcher: Agent | ReturnType<typeof agent>,
  init: { method?: "GET" | "POST"; body?: string } = {},
) => (await request(ITEMS, { dispatcher, ...init })).body.text();

it("request and fetch go by the nearest edge, and say to it what it has to know", async () => {
  const sidecar = await edge("sidecar");
  const dispatcher = agent({ edges: [sidecar.url], token: () => "mine" });
  await serving({ traceparent: "t" }, async () => {
    const { statusCode, body } = await request(ITEMS, {
      dispatcher,
      method: "POST",
      body: "b",
      headers: ["a", "1", "c", "2"],
    });
    expect([statusCode, await body.text()]).toEqual([200, "sidecar"]);
    const response = await fetch(ITEMS, { dispatcher, headers: { a: "2" } });
    expect(await response.text()).toBe("sidecar");
  });
  const [first, second] = sidecar.calls();
  expect(first).toMatchObject({ method: "POST", url: "/~catalog.shop/items?n=1", body: "b" });
  expect(first!.headers).toMatchObject({ a: "1", c: "2", traceparent: "t", "selvedge-token": "mine" });
  expect(second!.headers).toMatchObject({ a: "2", traceparent: "t", "selvedge-token": "mine" });
});

it("what is no service of the mesh goes as ever", async () => {
  const stranger = await upstream("stranger");
  onTestFinished(() => stranger.close());
  const { body } = await request(stranger.url, { dispatcher: agent({ edges: ["http://127.0.0.1:1"] }) });
  expect(await body.text()).toBe("stranger");
  expect(stranger.received[0]!.headers).not.toHaveProperty("selvedge-timeout-ms");
});

it("a killed edge, one without configuration and one that breaks off are left for the next, as fetch leaves them", async () => {
  const [sidecar, central] = [await edge("sidecar"), await edge("central")];
  const own = () => agent({ edges: [sidecar.url, central.url] });
  sidecar.answer = (_request, response) =>
    void response.writeHead(503, { "selvedge-epoch": "0", "selvedge-cause": "no-snapshot" }).end();
  expect(await asked(own(), { method: "POST", body: "b" })).toBe("central");
  sidecar.answer = (incoming) => incoming.socket.destroy();
  expect(await asked(own())).toBe("central");
  await expect(asked(own(), { method: "POST", body: "b" })).rejects.toThrow("other side closed");
  await kill(sidecar);
  const one = own();
  for (let n = 0; n < 3; n++) expect(await asked(one, { method: "POST", body: "b" })).toBe("central");
});

it("past the mesh it goes where the configuration says so", async () => {
  const central = await edge("central", { direct: ["catalog.shop"] });
  const catalog = await upstream("catalog");
  onTestFinished(() => catalog.close());
  const dispatcher = agent({
    edges: [central.url],
    direct: { "catalog.shop": `${catalog.url}/v1` },
    token: () => "mine",
  });
  expect(await asked(dispatcher)).toBe("central");
  await vi.waitFor(() => expect(central.asked()).toBe(1));
  await kill(central);
  expect(await asked(dispatcher)).toBe("catalog");
  expect(catalog.received[0]!.url).toBe("/v1/items?n=1");
  expect(catalog.received[0]!.headers).not.toHaveProperty("selvedge-token");
});
