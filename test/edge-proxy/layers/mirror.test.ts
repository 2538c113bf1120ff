import { describe, expect, it } from "vitest";
import { LARGEST_COPY_BYTES } from "../../../workers/edge-proxy/body.ts";
import { mirror } from "../../../workers/edge-proxy/layers/mirror.ts";
import type { MirrorTally } from "../../../mesh/telemetry/mirror-tally.ts";
import { callWith } from "./call.ts";

const backend = {
  name: "Backend/shop/copy",
  endpoints: [{ kind: "url" as const, origin: "https://copy", path: "/base", weight: 1 }],
};
const layer = mirror([backend])({ kind: "mirror", backend: 0, share: 0.25 });
const primary = () => Promise.resolve(new Response("primary"));

/** Passes one request through the layer, and tells what the mirror was sent. */
async function pass(
  request: Request,
  random = 0,
  answer: () => Promise<Response> = primary,
  unmirrored: readonly number[] = [],
) {
  const sent: { url: string; init: RequestInit }[] = [];
  const call = callWith(
    {
      random: () => random,
      hostPreserving: () => undefined,
      fetch: (url, init) => {
        sent.push({ url, init });
        return answer();
      },
    },
    { request },
  );
  call.unmirrored = unmirrored;
  call.path = "/cart";
  call.search = "?a=1";
  for (const [name, value] of request.headers) call.headers.set(name, value);
  call.headers.set("x-a", "1");
  const response = await layer((inner) => {
    // As the layers below do for their own backend.
    inner.headers.set("x-a", "2");
    inner.path = "/other";
    return primary();
  })(call);
  await Promise.all(call.laterWork);
  return { sent, call, answered: await response.text() };
}

const post = (body: string | ReadableStream, headers: Record<string, string> = {}) =>
  new Request("http://shop.example/", { method: "POST", body, headers, duplex: "half" } as RequestInit);

describe("a mirror", () => {
  it("gets the request as it is at its place in the stack, and the caller gets the primary's answer", async () => {
    const { sent, answered } = await pass(new Request("http://shop.example/"));
    expect([sent.map(({ url }) => url), answered]).toEqual([["https://copy/base/cart?a=1"], "primary"]);
    expect(new Headers(sent[0]?.init.headers).get("x-a")).toBe("1");
  });

  it("gets no assertion that was made to the primary's service", async () => {
    const { sent, call } = await pass(new Request("http://shop.example/", { headers: { "selvedge-caller": "a.b.c" } }));
    expect(new Headers(sent[0]?.init.headers).has("selvedge-caller")).toBe(false);
    expect(call.headers.get("selvedge-caller")).toBe("a.b.c");
  });

  it.each([
    [0, 1],
    [0.24, 1],
    [0.25, 0],
    [0.99, 0],
  ])("of a quarter, at the draw %d gets %i requests", async (random, times) => {
    expect((await pass(new Request("http://shop.example/"), random)).sent.length).toBe(times);
  });

  it("gets nothing that its policies do not admit", async () => {
    const { sent, answered } = await pass(new Request("http://shop.example/"), 0, primary, [0]);
    expect([sent, answered]).toEqual([[], "primary"]);
  });

  it("gets a copy of a small body, which the primary gets too", async () => {
    const { sent, call } = await pass(post("hello", { "content-length": "5" }));
    expect(new TextDecoder().decode(sent[0]?.init.body as ArrayBuffer)).toBe("hello");
    expect(await new Response(call.body).text()).toBe("hello");
  });

  it.each([
    ["is too large to be held", post("x", { "content-length": String(LARGEST_COPY_BYTES + 1) })],
    ["does not say how large it is", post("x")],
    ["is none, but a WebSocket to come", new Request("http://shop.example/", { headers: { upgrade: "websocket" } })],
  ])("gets nothing of a request whose body %s", async (_, request) => {
    const { sent, answered } = await pass(request);
    expect([sent, answered]).toEqual([[], "primary"]);
  });

  it.each<[string, () => Promise<Response>]>([
    ["refuses", () => Promise.reject(new Error("Network connection lost."))],
    ["answers with an error", () => Promise.resolve(new Response(null, { status: 500 }))],
  ])("that %s does the request no harm", async (_, answer) => {
    expect((await pass(new Request("http://shop.example/"), 0, answer)).answered).toBe("primary");
  });
});

describe("a mirror whose answers are compared", () => {
  const json = (value: unknown, { headers, ...init }: { status?: number; headers?: Record<string, string> } = {}) =>
    Promise.resolve(
      new Response(JSON.stringify(value), { ...init, headers: { "content-type": "application/json", ...headers } }),
    );
  const compare = { rule: "shop/cart/0", headers: ["x-a"], ignore: ["/id"], maxBytes: 50 };

  /** What the caller gets, and what the collector is told. */
  async function judge(own: () => Promise<Response>, theirs: () => Promise<Response>) {
    const told: MirrorTally[] = [];
    const call = callWith({
      random: () => 0,
      hostPreserving: () => undefined,
      fetch: theirs,
      collector: () => ({ mirrored: async (tallies) => void told.push(...tallies) }),
    });
    call.path = "/cart";
    const layer = mirror([backend])({ kind: "mirror", backend: 0, share: 1, compare });
    const answered = await layer(own)(call).then(textOf, String);
    await Promise.all(call.laterWork);
    const [tally] = told;
    const differences = tally?.samples.flatMap((sample) =>
      sample.differences.map(({ at, primary: one, mirror: other }) => `${at}: ${one} | ${other}`),
    );
    return {
      answered,
      counts: [tally?.same, tally?.different, tally?.failed, tally?.uncompared],
      about: [tally?.rule, tally?.mirror],
      differences,
    };
  }
  const textOf = (response: Response) => response.text();

  it.each<[string, () => Promise<Response>, () => Promise<Response>, number[], string[]]>([
    ["answers the same", () => json({ id: 1, a: 1 }), () => json({ a: 1, id: 2 }), [1, 0, 0, 0], []],
    ["answers something else", () => json({ a: 1 }), () => json({ a: 2 }), [0, 1, 0, 0], ["/a: 1 | 2"]],
    [
      "answers with another status and header",
      () => json(1, { headers: { "x-a": "1" } }),
      () => json(1, { status: 500 }),
      [0, 1, 0, 0],
      ["status: 200 | 500", 'header x-a: "1" | absent'],
    ],
    ["fails", () => json(1), () => Promise.reject(new Error("refused")), [0, 0, 1, 0], []],
    ["says too much to compare", () => json(1), () => json("x".repeat(50)), [1, 0, 0, 1], []],
    ["is compared with too much", () => json("x".repeat(50)), () => json(1), [1, 0, 0, 1], []],
    [
      "says what is no JSON",
      () => json(1),
      async () => new Response("{", { headers: { "content-type": "application/json" } }),
      [1, 0, 0, 1],
      [],
    ],
    [
      "answers, as does the primary, without JSON",
      async () => new Response("a"),
      async () => new Response("b"),
      [1, 0, 0, 0],
      [],
    ],
    ["answers what the primary did not", () => Promise.reject(new Error("own")), () => json(1), [0, 0, 0, 1], []],
  ])("and %s", async (_, own, theirs, counts, differences) => {
    const judged = await judge(own, theirs);
    expect([judged.counts, judged.differences]).toEqual([counts, differences]);
    expect(judged.about).toEqual(["shop/cart/0", "Backend/shop/copy"]);
    expect(judged.answered).toEqual(await own().then(textOf, String));
  });
});
