import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BucketReply, BucketRequest } from "../../../durable-objects/rate-limit.ts";
import { type Bucket, fullBucket, lend } from "../../../mesh/policies/rate-limit-bucket.ts";
import type { KeyPart } from "../../../mesh/policies/rate-limit-key.ts";
import { capacityOf, type RateLimit } from "../../../mesh/policies/rate-limit.ts";
import { answer } from "../../../mesh/denial.ts";
import { Denied } from "../../../workers/edge-proxy/layer.ts";
import { rateLimit } from "../../../workers/edge-proxy/layers/rate-limit.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

const limit = (over: Partial<RateLimit> = {}): RateLimit => ({
  name: "ns/policy/limit",
  key: [],
  requests: 10,
  windowMs: 1000,
  burst: 40,
  onUnavailable: "share",
  ...over,
});

let memory: Memory;
let asked: { readonly bucket: string; readonly message: BucketRequest }[];
/** Undefined: the object answers from the machine, after `delay`. */
let away: (() => Promise<BucketReply>) | undefined;
let delay: number;
let buckets: Map<string, Bucket>;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  memory = newMemory("i1");
  [asked, away, delay, buckets] = [[], undefined, 0, new Map()];
});
afterEach(() => vi.useRealTimers());

const object = (bucket: string) => ({
  lease: async (message: BucketRequest): Promise<BucketReply> => {
    asked.push({ bucket, message });
    if (away) return away();
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    const { limit: by, epoch } = message;
    const known = buckets.get(bucket) ?? fullBucket(capacityOf(by), Date.now());
    buckets.set(bucket, known);
    const reply = lend(known, message, Date.now());
    return { ...reply, epoch: epoch + 1, level: known.level };
  },
});
type Setting = { readonly memory?: Memory; readonly request?: Request; readonly client?: string };
/** "ok", or the denial. */
function send(
  limits: readonly RateLimit[],
  setting: Setting = {},
  call = callWith({ rateLimit: object }, { memory, ...setting }),
): Promise<unknown> {
  return rateLimit({ kind: "rate-limit", limits })(async () => new Response("ok"))(call).then(
    (response) => response.text(),
    (error: unknown) => (error instanceof Denied ? error.denial : error),
  );
}
/** How many of so many calls are admitted, one after the other. */
async function admitted(calls: number, limits: readonly RateLimit[], setting: Setting = {}): Promise<number> {
  let count = 0;
  for (let call = 0; call < calls; call++) {
    if ((await send(limits, setting)) === "ok") count++;
    // What was left for later is done before the next call comes: time stands still, and would never bring its reply.
    await vi.advanceTimersByTimeAsync(0);
  }
  return count;
}
const never = () => new Promise<never>(() => {});

describe("tokens", () => {
  it("are waited for by the first call, and then asked for ahead of need", async () => {
    expect(await admitted(20, [limit()])).toBe(20);
    expect(asked.length).toBeLessThan(12);
    const before = asked.length;
    delay = 100;
    // With tokens in hand no call waits: time stands still, and all are admitted.
    expect(await Promise.all([send([limit()]), send([limit()])])).toEqual(["ok", "ok"]);
    expect(asked.length - before).toBeLessThanOrEqual(1);
  });

  it("that one message brings serve all who waited for it", async () => {
    delay = 30;
    const calls = Promise.all(Array.from({ length: 5 }, () => send([limit()])));
    await vi.advanceTimersByTimeAsync(120);
    expect(await calls).toEqual(Array(5).fill("ok"));
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it("never exceed the limit, however many isolates ask", async () => {
    const isolates = Array.from({ length: 10 }, (_, index) => newMemory(`i${index}`));
    let count = 0;
    for (let round = 0; round < 20; round++)
      for (const one of isolates) count += await admitted(1, [limit()], { memory: one });
    expect(count).toBe(40);
    await vi.advanceTimersByTimeAsync(1000);
    for (let round = 0; round < 5; round++)
      for (const one of isolates) count += await admitted(1, [limit()], { memory: one });
    expect(count).toBeLessThanOrEqual(50);
  });
});

it("refuses locally until a token is due", async () => {
  await admitted(60, [limit()]);
  const refused = (await send([limit()])) as { cause: string; retryAfterMs: number };
  expect(refused.cause).toBe("rate-limited");
  expect(refused.retryAfterMs).toBeLessThanOrEqual(1000);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(refused.retryAfterMs);
  expect(asked).toHaveLength(before);
  expect(await send([limit()])).toBe("ok");
});

it("tells the quota and when to come back, and no caller to come back before that", async () => {
  await admitted(60, [limit()]);
  const call = callWith({ rateLimit: object }, { memory });
  const layer = rateLimit({ kind: "rate-limit", limits: [limit()] })(async () => new Response());
  const { denial } = (await layer(call).catch((error: unknown) => error)) as Denied;
  const headers = new Headers();
  call.onAnswer?.(headers);
  expect(headers.get("ratelimit-policy")).toBe('"limit";q=10;w=1');
  const [, reset] = /^"limit";r=0;t=(\d+)$/.exec(headers.get("ratelimit") ?? "") ?? [];
  const retryAfter = answer(denial).headers["retry-after"];
  expect(Number(retryAfter)).toBeGreaterThanOrEqual(Number(reset));
  expect(denial).toMatchObject({ cause: "rate-limited", violated: "limit" });
});

describe("an answer tells", () => {
  async function told(limits: readonly RateLimit[]): Promise<Headers> {
    const call = callWith({ rateLimit: object }, { memory });
    await send(limits, {}, call);
    const headers = new Headers();
    call.onAnswer?.(headers);
    return headers;
  }

  it("what is left: in hand, and with the object", async () => {
    const one = limit({ burst: 100, requests: 100, windowMs: 60_000 });
    expect((await told([one])).get("ratelimit-policy")).toBe('"limit";q=100;w=60');
    await vi.advanceTimersByTimeAsync(0);
    expect((await told([one])).get("ratelimit")).toBe('"limit";r=98;t=1');
  });

  it("of all limits, when one of them refuses as well", async () => {
    const wide = limit({ name: "ns/policy/wide", cost: { kind: "bytes" } });
    const all = [wide, limit({ name: "ns/policy/narrow", burst: 1, requests: 1, windowMs: 60_000 }), limit()];
    await told(all);
    const headers = await told(all);
    // Of the one that takes nothing, nothing is said.
    expect(headers.get("ratelimit-policy")).toBe('"narrow";q=1;w=60, "limit";q=10;w=1');
    expect(headers.get("ratelimit")).toMatch(/^"narrow";r=0;t=\d+, "limit";r=\d+;t=1$/);
  });

  it("no number while the object is away", async () => {
    away = () => Promise.reject(new Error("reset"));
    const headers = await told([limit({ onUnavailable: "allow" })]);
    expect([headers.get("ratelimit-policy"), headers.get("ratelimit")]).toEqual(['"limit";q=10;w=1', null]);
  });
});

it("hears of the epoch in every reply", async () => {
  const call = callWith({ rateLimit: object }, { memory });
  await rateLimit({ kind: "rate-limit", limits: [limit()] })(async () => new Response())(call);
  expect(call.heard).toEqual([4]);
});

describe("with the object away", () => {
  it.each<[RateLimit["onUnavailable"], number, unknown]>([
    // 0.8 x 40 over the ten isolates that are assumed as long as no reply has told.
    ["share", 3, { cause: "rate-limited", retryAfterMs: expect.any(Number) as number, violated: "limit" }],
    ["deny", 0, { cause: "limiter-unavailable", retryAfterMs: 250 }],
    ["allow", 100, "ok"],
  ])("%s admits %i of 100 calls", async (onUnavailable, count, last) => {
    away = () => Promise.reject(new Error("overloaded"));
    expect(await admitted(100, [limit({ onUnavailable })])).toBe(count);
    expect(await send([limit({ onUnavailable })])).toEqual(last);
  });

  it("a call waits for as long as a reply would take to begin with, the next not at all", async () => {
    away = never;
    const first = send([limit()]);
    await vi.advanceTimersByTimeAsync(179);
    expect(await Promise.race([first, Promise.resolve("waits")])).toBe("waits");
    await vi.advanceTimersByTimeAsync(1);
    expect([await first, await send([limit()])]).toEqual(["ok", "ok"]);
  });

  it("the first reply to a message sent on the side ends it", async () => {
    const allow = [limit({ onUnavailable: "allow" })];
    away = () => Promise.reject(new Error("reset"));
    await admitted(5, allow);
    expect(asked).toHaveLength(1);
    away = undefined;
    await vi.advanceTimersByTimeAsync(250);
    await admitted(1, allow);
    expect(asked).toHaveLength(2);
    await admitted(100, allow);
    expect(memory.holders.values().next().value).toMatchObject({ failures: 0 });
    expect(buckets.get("ns/policy/limit/[]")!.level).toBeLessThan(1);
  });

  it("is old news after a silence: the next call asks, and waits", async () => {
    const deny = [limit({ onUnavailable: "deny" })];
    away = () => Promise.reject(new Error("reset"));
    expect(await admitted(3, deny)).toBe(0);
    away = undefined;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await send(deny)).toBe("ok");
  });

  it("the share is that of the isolates last told of", async () => {
    const others = ["i2", "i3", "i4"].map(newMemory);
    for (const other of others) await admitted(1, [limit()], { memory: other });
    await admitted(1, [limit()]);
    away = () => Promise.reject(new Error("reset"));
    await vi.advanceTimersByTimeAsync(1100);
    expect(await admitted(100, [limit()])).toBe(8);
  });
});

describe("of several limits", () => {
  const wide = limit({ name: "ns/policy/wide", burst: 100 });
  const narrow = limit({ name: "ns/policy/narrow", burst: 2, requests: 1, windowMs: 60_000 });

  it("all must admit, and a later refusal costs nothing of the earlier", async () => {
    expect(await admitted(10, [wide, narrow])).toBe(2);
    const holder = memory.holders.get("ns/policy/wide/[]")!;
    const before = { tokens: holder.tokens, spent: holder.spent };
    expect(await admitted(10, [wide, narrow])).toBe(0);
    expect(memory.holders.get("ns/policy/wide/[]")).toMatchObject(before);
  });
});

describe("what a call takes", () => {
  const post = (body: string | undefined, headers: Record<string, string> = {}) => ({
    request: new Request("http://shop.example/", { method: "POST", headers, ...(body !== undefined && { body }) }),
  });
  const bytes = limit({ cost: { kind: "bytes" }, requests: 100, burst: 100 });
  const weighed = limit({
    cost: { kind: "expression", text: 'request.method == "POST" ? 5 : -1' },
    requests: 10,
    burst: 10,
  });

  it.each<[string, RateLimit, Setting, number]>([
    ["of bytes, as its Content-Length says", bytes, post("x".repeat(30), { "content-length": "30" }), 3],
    ["of bytes without a body, nothing", bytes, post(undefined), 20],
    ["by an expression", weighed, post(undefined), 2],
    ["of less than nothing, nothing", weighed, {}, 20],
  ])("%s", async (_, one, setting, count) => {
    expect(await admitted(20, [one], setting)).toBe(count);
  });

  it.each<[string, Setting, string]>([
    ["a body that does not say how long it is", post("abc"), "length-required"],
    ["a body beyond the burst", post("abc", { "content-length": "101" }), "limit-too-small"],
  ])("of bytes by %s is refused for good", async (_, setting, cause) => {
    expect(await send([bytes], setting)).toEqual({ cause });
    expect(asked).toEqual([]);
  });

  it("by an expression that cannot be computed is 1, and the log says so", async () => {
    const log = vi.spyOn(console, "log").mockReturnValue();
    const one = limit({ cost: { kind: "expression", text: 'int(request.headers["x"])' }, requests: 1, burst: 3 });
    expect(await admitted(10, [one])).toBe(3);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)) as unknown)).toMatchObject([
      { rateLimit: { effect: "no-cost", limit: "ns/policy/limit" } },
    ]);
    log.mockRestore();
  });
});

describe("a limit of each isolate's own", () => {
  it("asks no object, and holds in each", async () => {
    const local = limit({ local: true });
    expect(await admitted(100, [local])).toBe(40);
    expect(await send([local])).toEqual({ cause: "rate-limited", retryAfterMs: 120, violated: "limit" });
    await vi.advanceTimersByTimeAsync(500);
    expect(await admitted(100, [local])).toBe(5);
    expect(await admitted(100, [local], { memory: newMemory("i2") })).toBe(40);
    expect(asked).toEqual([]);
  });

  it("begins anew when it is another, and when it becomes the fleet's", async () => {
    await admitted(100, [limit({ local: true })]);
    expect(await admitted(100, [limit({ local: true, burst: 50 })])).toBe(50);
    expect(await admitted(1, [limit()])).toBe(1);
    expect(asked).toHaveLength(1);
  });
});

it("of a bounded limit spends on credit sooner than wait", async () => {
  const bounded = limit({ credit: 8 });
  await admitted(5, [bounded]);
  expect(asked[0]?.message.limit).toEqual({ requests: 10, windowMs: 1000, burst: 40, credit: 8 });
  const { tokens, credit } = memory.holders.get("ns/policy/limit/[]")!;
  expect(credit).toBeGreaterThan(0);
  away = never;
  // Time stands still: a call that waited would never be answered.
  for (let call = 0; call < Math.floor(tokens) + credit; call++) expect(await send([bounded])).toBe("ok");
});

describe("a call that is exempt", () => {
  it.each<[string, NonNullable<RateLimit["exempt"]>, Setting]>([
    ["by its address", [{ of: { kind: "ip" }, path: "", values: ["192.0.2.0/24"] }], { client: "192.0.2.1" }],
    [
      "by a condition",
      [{ of: { kind: "condition" }, path: "", values: ['request.method == "HEAD"'] }],
      { request: new Request("http://a/", { method: "HEAD" }) },
    ],
  ])("%s takes nothing, and another is limited", async (_, exempt, setting) => {
    expect(await admitted(100, [limit({ exempt })], setting)).toBe(100);
    expect(asked).toEqual([]);
    expect(await admitted(100, [limit({ exempt })], { client: "198.51.100.1" })).toBeLessThanOrEqual(40);
  });
});

describe("a dry run", () => {
  it("refuses nobody, delays nobody, and tells whom it would have refused", async () => {
    const log = vi.spyOn(console, "log").mockReturnValue();
    delay = 20;
    const calls = Array.from({ length: 60 }, () => callWith({ rateLimit: object }, { memory }));
    for (const call of calls) {
      expect(await send([limit({ dryRun: true })], {}, call)).toBe("ok");
      await vi.advanceTimersByTimeAsync(0);
    }
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls.filter(({ wouldDeny }) => wouldDeny).length).toBeGreaterThanOrEqual(20);
    expect(calls.every(({ standIn, onAnswer }) => standIn === undefined && onAnswer === undefined)).toBe(true);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)) as unknown)[0]).toMatchObject({
      rateLimit: { effect: "would-deny", limit: "ns/policy/limit" },
    });
    log.mockRestore();
  });

  it("takes nothing of the limits that hold", async () => {
    const log = vi.spyOn(console, "log").mockReturnValue();
    const dry = limit({ name: "ns/policy/dry", dryRun: true, burst: 1, requests: 1 });
    expect(await admitted(30, [dry, limit()])).toBe(30);
    log.mockRestore();
  });
});

describe("a bucket is named", () => {
  const header = (name: string): KeyPart => ({ type: "Header", name });
  const with1 = (headers: Record<string, string>) => ({ request: new Request("http://shop.example/", { headers }) });
  it.each<[string, readonly KeyPart[], Setting, string]>([
    ["for all", [], {}, "ns/policy/limit/[]"],
    ["by client", [{ type: "ClientAddress" }], { client: "2001:db8::1" }, 'ns/policy/limit/["2001:db8::/64"]'],
    ["by unknown client", [{ type: "ClientAddress" }], { client: "" }, 'ns/policy/limit/[""]'],
    ["by header", [header("x-key")], with1({ "X-Key": 'a"b' }), 'ns/policy/limit/["a\\"b"]'],
    ["by missing header", [header("x-key")], {}, 'ns/policy/limit/[""]'],
    ["by two", [header("x-a"), header("x-b")], with1({ "x-a": "1", "x-b": "2" }), 'ns/policy/limit/["1","2"]'],
  ])("%s", async (_, key, setting, name) => {
    await send([limit({ key })], setting);
    expect(asked.map(({ bucket }) => bucket)).toEqual([name]);
  });

  it("by a hash where the values would be longer than 256 bytes", async () => {
    const key = [header("x-key")];
    for (const value of ["a".repeat(252), "a".repeat(253), "b".repeat(4000)])
      await send([limit({ key })], with1({ "x-key": value }));
    const names = asked.map(({ bucket }) => bucket);
    expect(names.map((name) => name.replace(/[0-9a-f]{64}$/, "…"))).toEqual([
      `ns/policy/limit/["${"a".repeat(252)}"]`,
      "ns/policy/limit/sha256:…",
      "ns/policy/limit/sha256:…",
    ]);
    expect(new Set(names).size).toBe(3);
  });
});

it("remembers at most 10,000 keys, and forgets the oldest first", async () => {
  away = () => Promise.reject(new Error("reset"));
  const key: readonly KeyPart[] = [{ type: "ClientAddress" }];
  for (let client = 0; client < 10_050; client++) await send([limit({ key })], { client: String(client) });
  expect([memory.holders.size, memory.holders.keys().next().value]).toEqual([10_000, 'ns/policy/limit/["50"]']);
});
