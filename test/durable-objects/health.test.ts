import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import type { HealthRequest } from "../../durable-objects/health.ts";

const request: HealthRequest = {
  epoch: 3,
  check: {
    object: "Backend/shop/api",
    path: "/ready",
    intervalMs: 60_000,
    timeoutMs: 200,
    healthyThreshold: 1,
    unhealthyThreshold: 1,
    statuses: [[200, 299]],
    jitter: 0,
  },
  addresses: ["http://a.test", "http://b.test/base"],
};
let made = 0;
const fresh = () => env.HEALTH.getByName(`backend-${made++}`);
const stored = (stub: ReturnType<typeof fresh>) => runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()]);

const asked: { url: string; init: RequestInit }[] = [];
let answer: (url: string, init: RequestInit) => Promise<Response>;
beforeEach(() => {
  asked.length = 0;
  answer = async () => new Response("well");
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    const url = input as string;
    asked.push({ url, init: init! });
    return answer(url, init!);
  });
});

it("checks each endpoint below its own path, follows no redirect, and tells who fails", async () => {
  const health = fresh();
  answer = async (url) => new Response(null, { status: url.startsWith("http://a") ? 302 : 204 });
  expect(await health.ask(request)).toEqual({ failing: [], epoch: 3 });
  expect(await runDurableObjectAlarm(health)).toBe(true);
  expect(asked.map(({ url }) => url).toSorted()).toEqual(["http://a.test/ready", "http://b.test/base/ready"]);
  expect(asked[0]!.init.redirect).toBe("manual");
  expect(await health.ask(request)).toEqual({ failing: ["http://a.test"], epoch: 3 });
});

it.each<[string, typeof answer]>([
  ["refuses", () => Promise.reject(new Error("Network connection lost."))],
  [
    "hangs",
    (_, { signal }) => new Promise((__, reject) => signal!.addEventListener("abort", () => reject(new Error()))),
  ],
])("an endpoint that %s fails", async (_, behaviour) => {
  const health = fresh();
  answer = behaviour;
  await health.ask(request);
  await runDurableObjectAlarm(health);
  expect((await health.ask(request)).failing).toEqual(request.addresses);
});

it("remembers its verdicts and its rhythm across eviction", async () => {
  const health = fresh();
  answer = async () => new Response(null, { status: 500 });
  await health.ask(request);
  await runDurableObjectAlarm(health);
  await evictDurableObject(health);
  expect((await health.ask(request)).failing).toEqual(request.addresses);
  const next = await runInDurableObject(health, (__, { storage }) => storage.getAlarm());
  expect(next! - Date.now()).toBeGreaterThan(50_000);
});

it("writes nothing for questions that follow soon on another", async () => {
  const health = fresh();
  await health.ask(request);
  // The first round may have begun by itself.
  await runDurableObjectAlarm(health);
  await vi.waitFor(async () => expect(JSON.stringify(await stored(health))).not.toContain('"checkedAt":0'));
  const before = JSON.stringify(await stored(health));
  await new Promise((resolve) => setTimeout(resolve, 5));
  await health.ask(request);
  expect(JSON.stringify(await stored(health))).toBe(before);
});

it("stops, and forgets, once nobody has asked for its lease's time", async () => {
  const health = fresh();
  await health.ask(request);
  vi.useFakeTimers({ now: Date.now() + 181_000, toFake: ["Date"] });
  try {
    await runDurableObjectAlarm(health);
  } finally {
    vi.useRealTimers();
  }
  expect([asked, await stored(health)]).toEqual([[], []]);
  expect(await runDurableObjectAlarm(health)).toBe(false);
});

it("goes through many endpoints in several alarms, six at a time", async () => {
  const health = fresh();
  let [now, most] = [0, 0];
  answer = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 1));
    now--;
    return new Response();
  };
  const addresses = Array.from({ length: 60 }, (_, index) => `http://e${index}.test`);
  await health.ask({ ...request, addresses });
  await runDurableObjectAlarm(health);
  while (asked.length < 60) await runDurableObjectAlarm(health);
  expect([new Set(asked.map(({ url }) => url)).size, asked.length, most]).toEqual([60, 60, 6]);
});
