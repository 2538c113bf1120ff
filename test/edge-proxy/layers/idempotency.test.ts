import { beforeEach, describe, expect, it } from "vitest";
import type { BeginRequest, BegunReply, SettleRequest } from "../../../durable-objects/idempotency.ts";
import { begin, type Idempotency, type Row, settle } from "../../../mesh/policies/idempotency.ts";
import type { Claims } from "../../../mesh/policies/authorize-clause.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { idempotency } from "../../../workers/edge-proxy/layers/idempotency.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

const policy = (over: Partial<Idempotency> = {}): Idempotency => ({
  policy: "shop/pay",
  shards: 4,
  scope: "HTTPRoute/shop/pay",
  header: "idempotency-key",
  required: true,
  methods: ["POST", "PATCH"],
  caller: ["authorization"],
  unprocessed: [408, 425, 429],
  repeatable: false,
  executionMs: 100,
  retentionMs: 300_000,
  maxRequestBytes: 10,
  maxResponseBytes: 10,
  onUnavailable: "deny",
  ...over,
});

let rows: Map<string, { row: Row | undefined; body?: Uint8Array | undefined }>;
let shards: Set<string>;
/** How many of the next messages the object does not answer. */
let deaf: { begin: number; settle: number };
let executed: string[];
let memory: Memory;

beforeEach(() => {
  memory = newMemory("i1");
  [rows, shards, deaf, executed] = [new Map(), new Set(), { begin: 0, settle: 0 }, []];
});

const object = (shard: string) => ({
  begin: async ({ id, epoch, ...event }: BeginRequest): Promise<BegunReply> => {
    shards.add(shard);
    if (deaf.begin-- > 0) throw new Error("away");
    const kept = rows.get(`${shard}/${id}`);
    const { row, reply } = begin(kept?.row, event, Date.now());
    rows.set(`${shard}/${id}`, { ...kept, row });
    return { ...reply, epoch: epoch + 1, ...(kept?.body && { body: kept.body }) };
  },
  settle: async ({ id, owner, settled, body, retentionMs }: SettleRequest): Promise<void> => {
    if (deaf.settle-- > 0) throw new Error("away");
    const row = settle(rows.get(`${shard}/${id}`)?.row, owner, settled, retentionMs, Date.now());
    rows.set(`${shard}/${id}`, { row, body });
  },
});

type Sent = {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
};
type Answer = Handler;
const created: Answer = async () =>
  new Response("done", { status: 201, headers: { location: "/1", "set-cookie": "s=1" } });

/** One request with key "k": its status or cause, body and headers. */
async function send(sent: Sent = {}, answer: Answer = created, over: Partial<Idempotency> = {}) {
  const { method = "POST", path = "/pay", body = "10", headers = { "idempotency-key": "k" } } = sent;
  const request = new Request(`http://shop.example${path}`, { method, headers, ...(method === "GET" ? {} : { body }) });
  const call = callWith({ idempotency: object }, { request, memory });
  call.path = path;
  const layer = idempotency({ kind: "idempotency", ...policy(over) })(async (one) => {
    executed.push(await new Response(one.body).text());
    one.progress.sent = true;
    return answer(one);
  });
  const result = await layer(call).then(
    async (response) => ({ is: response.status as unknown, body: await response.text(), headers: response.headers }),
    (error: unknown) => ({
      is: error instanceof Denied ? error.denial.cause : error,
      body: "",
      headers: new Headers(),
    }),
  );
  await Promise.allSettled(call.laterWork);
  return { ...result, call };
}

describe("a request with a key", () => {
  it("is carried out once, and answered the same again, but for its cookies", async () => {
    const first = await send();
    const second = await send();
    expect([first, second].map(({ is, body }) => [is, body])).toEqual([
      [201, "done"],
      [201, "done"],
    ]);
    expect([first.headers.get("idempotent-replayed"), first.headers.get("set-cookie")]).toEqual([null, "s=1"]);
    expect(["idempotent-replayed", "location", "set-cookie"].map((name) => second.headers.get(name))).toEqual([
      "true",
      "/1",
      null,
    ]);
    expect(executed).toEqual(["10"]);
    expect(first.call.headers.get("selvedge-idempotency-attempt")).toBe("1");
  });

  it.each<[string, Sent, unknown, number]>([
    ["of another caller", { headers: { "idempotency-key": "k", authorization: "b" } }, 201, 2],
    ["in quotes", { headers: { "idempotency-key": '"k"' } }, 201, 1],
    ["and another body", { body: "11" }, "idempotency-mismatch", 1],
    ["and another path", { path: "/pay2" }, "idempotency-mismatch", 1],
    ["and another method", { method: "PATCH" }, "idempotency-mismatch", 1],
    [
      "and another content type",
      { headers: { "idempotency-key": "k", "content-type": "a/b" } },
      "idempotency-mismatch",
      1,
    ],
    ["of another method than the policy's", { method: "PUT" }, 201, 2],
    ["that is none", { headers: { "idempotency-key": "a b" } }, "idempotency-key-invalid", 1],
    ["left out", { headers: {} }, "idempotency-key-missing", 1],
    ["whose body is too large", { body: "01234567890" }, "idempotency-body-too-large", 1],
    [
      "whose length is too large",
      { headers: { "idempotency-key": "k", "content-length": "99" } },
      "idempotency-body-too-large",
      1,
    ],
    [
      "whose large body has a digest",
      { body: "01234567890", headers: { "idempotency-key": "l", "content-digest": "sha-256=:a:" } },
      201,
      2,
    ],
  ])("%s, sent after one", async (_, sent, is, count) => {
    await send();
    expect([(await send(sent)).is, executed.length]).toEqual([is, count]);
  });

  it("may go without where the policy says so", async () => {
    await send({ headers: {} }, created, { required: false });
    expect([(await send({ headers: {} }, created, { required: false })).is, shards.size]).toEqual([201, 0]);
  });

  it.each<[string, Answer, unknown, unknown]>([
    ["that fails at the upstream is not sent again", async () => new Response("no", { status: 500 }), 500, 500],
    ["that the upstream refused may be sent again", async () => new Response("no", { status: 429 }), 429, 201],
    [
      "whose answer was lost is not sent again",
      () => Promise.reject(new Denied({ cause: "upstream-unreachable" })),
      "upstream-unreachable",
      "idempotency-outcome-unknown",
    ],
    [
      "that never left may be sent again",
      (call) => {
        call.progress.sent = false;
        throw new Denied({ cause: "breaker-open", retryAfterMs: 1 });
      },
      "breaker-open",
      201,
    ],
    [
      "that takes too long is not sent again",
      () => new Promise(() => {}),
      "deadline-exceeded",
      "idempotency-outcome-unknown",
    ],
    [
      "whose answer is too large is not sent again",
      async () => new Response("01234567890"),
      200,
      "idempotency-not-replayable",
    ],
    [
      "whose answer does not end is not sent again",
      async () => new Response("e", { headers: { "content-type": "text/event-stream" } }),
      200,
      "idempotency-not-replayable",
    ],
    [
      "whose answer broke off is not sent again",
      async () =>
        new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("lost")) }), {
          status: 202,
        }),
      "upstream-unreachable",
      "idempotency-not-replayable",
    ],
    [
      "that the platform could not deliver may be sent again",
      async () => new Response("no", { status: 521, headers: { server: "cloudflare" } }),
      521,
      201,
    ],
    [
      "that the platform may have delivered is not sent again",
      async () => new Response("no", { status: 520, headers: { server: "cloudflare" } }),
      520,
      "idempotency-outcome-unknown",
    ],
    [
      "that was refused at each of several tries may be sent again",
      async (call) => {
        call.attempts = 2;
        return new Response("no", { status: 429 });
      },
      429,
      201,
    ],
  ])("%s", async (_, answer, first, second) => {
    expect([(await send({}, answer)).is, (await send()).is]).toEqual([first, second]);
  });

  it("passes a large answer on whole", async () => {
    const large = new Response(new Blob(["01234567", "89abcdef"]).stream());
    expect((await send({}, async () => large)).body).toBe("0123456789abcdef");
  });

  it("is sent again after an unknown outcome if the upstream honours it, and may be retried below", async () => {
    const lost: Answer = () => Promise.reject(new Denied({ cause: "upstream-unreachable" }));
    const first = await send({}, lost, { repeatable: true });
    const second = await send({}, created, { repeatable: true });
    expect([second.is, second.call.headers.get("selvedge-idempotency-attempt")]).toEqual([201, "2"]);
    expect([first.call.covered, (await send({ headers: { "idempotency-key": "m" } })).call.covered]).toEqual([
      true,
      false,
    ]);
  });

  it("of which a hundred come at once is carried out once", async () => {
    // It ends once the other ninety-nine have their answers: on a busy machine, some would come after any time that is set.
    const others = Promise.withResolvers<void>();
    let answered = 0;
    const held: Answer = (call) => others.promise.then(() => created(call));
    const all = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const answer = await send({}, held);
        if (++answered === 99) others.resolve();
        return answer;
      }),
    );
    const counts = new Map<unknown, number>();
    for (const { is } of all) counts.set(is, (counts.get(is) ?? 0) + 1);
    expect([Object.fromEntries(counts), executed.length]).toEqual([{ 201: 1, "idempotency-in-flight": 99 }, 1]);
  });

  it("is the same caller's under a renewed token that was verified, and nobody else's", async () => {
    const by = async (authorization: string, claims?: Claims) => {
      const headers = { "idempotency-key": "k", authorization };
      const request = new Request("http://shop.example/pay", { method: "POST", headers });
      const call = { ...callWith({ idempotency: object }, { request, memory }), claims };
      return (await idempotency({ kind: "idempotency", ...policy() })(created)(call)).headers.get(
        "idempotent-replayed",
      );
    };
    expect([
      await by("one", { iss: "i", sub: "a" }),
      await by("two", { iss: "i", sub: "a" }),
      await by("two", { iss: "i", sub: "b" }),
      await by("one"),
      await by("two"),
    ]).toEqual([null, "true", null, null, null]);
  });

  it("is carried out to its end though its deadline has answered the caller", async () => {
    const deadline = new AbortController();
    const request = new Request("http://shop.example/pay", { method: "POST", headers: { "idempotency-key": "k" } });
    const call = { ...callWith({ idempotency: object }, { request }), signal: deadline.signal };
    const layer = idempotency({ kind: "idempotency", ...policy() })(async (one) => {
      deadline.abort();
      expect(one.signal?.aborted).toBe(false);
      return created(one);
    });
    expect((await layer(call)).status).toBe(201);
  });
});

describe("while the object is away", () => {
  it("a message is sent again, and means the same", async () => {
    deaf = { begin: 1, settle: 2 };
    expect([(await send()).is, (await send()).is, executed.length]).toEqual([201, 201, 1]);
  });

  it("nothing is carried out", async () => {
    deaf.begin = 2;
    expect([(await send()).is, executed.length]).toEqual(["idempotency-unavailable", 0]);
  });

  it("all is carried out without protection where the policy says so, and the answer says so", async () => {
    deaf.begin = 2;
    const { is, call } = await send({}, created, { onUnavailable: "allow" });
    expect([is, call.standIn]).toEqual([201, "idempotency"]);
  });

  it("an answer that cannot be kept is given all the same, and its request not carried out again", async () => {
    deaf.settle = 3;
    const { is, call } = await send();
    expect([is, call.standIn, (await send()).is, executed.length]).toEqual([
      201,
      "idempotency",
      "idempotency-in-flight",
      1,
    ]);
  });
});
