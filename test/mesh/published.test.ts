import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode } from "../../mesh/assemble.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { readManifest, writeManifest } from "../../mesh/manifest.ts";
import { matcher, matchHost, matchService } from "../../mesh/match.ts";
import { normal } from "../../mesh/normal.ts";
import { cutUp } from "../../mesh/published.ts";
import { adopt } from "../../mesh/shard/read.ts";
import { textBytes, textFrom } from "../../mesh/shard/text.ts";
import { EMPTY_SNAPSHOT, type RouteTable, type Snapshot } from "../../mesh/snapshot.ts";
import { EXAMPLES } from "../support/examples.ts";
import { published } from "../support/published.ts";
import { backend, front, rateLimitPolicy, resources, route, to, trafficPolicy } from "../support/resources.ts";

const target = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "shop" };
const { snapshot } = compile(
  resources(
    ...Object.values(EXAMPLES),
    front(),
    backend("b"),
    backend("c"),
    trafficPolicy("t", { targetRefs: [target], breaker: {}, timeouts: { request: "1s" } }),
    rateLimitPolicy("l", {
      targetRefs: [target],
      limits: [{ name: "l", requests: 1, key: [{ type: "Header", name: "a" }] }],
    }),
    ...["one", "two", "three"].map((name) =>
      route(name, {
        parentRefs: [{ name: "front" }],
        rules: [
          {
            matches: Array.from({ length: 8 }, (_, n) => ({
              path: { type: "PathPrefix", value: "/a" },
              headers: [{ name: "a", value: n === 7 ? "b" : `${name}${n}` }],
            })),
          },
        ],
      }),
    ),
    route("shop", {
      parentRefs: [{ name: "front" }],
      rules: [
        {
          matches: [
            { path: { type: "RegularExpression", value: "/[a-z]+" }, method: "PUT" },
            { method: "GET", headers: [{ name: "a", value: "b" }], queryParams: [{ name: "q", value: "ü" }] },
          ],
          filters: [{ type: "RequestMirror", requestMirror: { backendRef: to("c") } }],
          sessionPersistence: { sessionName: "s" },
          backendRefs: [to("b"), to("gone")],
        },
        { filters: [{ type: "RequestRedirect", requestRedirect: {} }] },
        { filters: [{ type: "CORS", cors: {} }] },
      ],
    }),
  ),
);

/** Of many hosts, so that there are several shards: each has two rules to two of a few backends. */
const ofHosts = (count: number, change: (host: number) => string = () => ""): Snapshot => {
  const table = (host: number): RouteTable => ({
    exact: { [`/exact${change(host)}`]: [{ rule: 2 * host }] },
    prefix: { "": [{ rule: 2 * host + 1, headers: [{ name: "x", value: "1" }] }, { rule: 2 * host }] },
  });
  return {
    ...EMPTY_SNAPSHOT,
    listeners: [
      {
        gateways: ["a/front"],
        port: 80,
        hostname: "",
        hosts: Object.fromEntries(Array.from({ length: count }, (_, host) => [`h${host}.example`, table(host)])),
      },
    ],
    rules: Array.from({ length: 2 * count }, (_, rule) => ({
      route: `a/r${rule >> 1}`,
      rule: String(rule & 1),
      layers: [{ kind: "mirror", backend: (rule + 1) % 7, share: 1 }],
      backends: [{ backend: rule % 7, weight: 1, layers: [] }],
    })),
    backends: Array.from({ length: 7 }, (_, index) => ({ name: `Backend/a/${index}`, endpoints: [] })),
  };
};

describe("a published snapshot", () => {
  it.each<[string, Snapshot]>([
    ["of every example", snapshot],
    ["of nothing", EMPTY_SNAPSHOT],
    ["of many shards", ofHosts(2000)],
  ])("%s is put together again as it was", async (_, given) => {
    expect(decode(await published(given))).toEqual(normal(given));
  });

  it("is cut up into a power of two of shards, more for more routes", () => {
    expect([0, 10, 400, 2000, 20_000].map((hosts) => cutUp(ofHosts(hosts)).shards.length)).toEqual([0, 1, 2, 8, 64]);
  });

  it("has other bytes in one shard alone after a change to one host", async () => {
    const [before, after] = await Promise.all([
      published(ofHosts(2000)),
      published(ofHosts(2000, (host) => (host === 1000 ? "ly" : ""))),
    ]);
    const added = [...after.shards.keys()].filter((hash) => !before.shards.has(hash));
    expect([before.shards.size, added.length]).toEqual([8, 1]);
  });

  it("does not depend on the order in which hosts and paths stand", async () => {
    const reversed = (given: Snapshot): Snapshot => ({
      ...given,
      listeners: given.listeners.map((listener) => ({
        ...listener,
        hosts: Object.fromEntries(
          Object.entries(listener.hosts)
            .toReversed()
            .map(([host, { exact, prefix }]) => [host, { prefix, exact }]),
        ),
      })),
    });
    const [one, other] = await Promise.all([published(ofHosts(50)), published(reversed(ofHosts(50)))]);
    expect([...other.shards.keys()]).toEqual([...one.shards.keys()]);
    expect(other.manifest).toEqual(one.manifest);
  });

  it("is not decoded without one of its shards", async () => {
    const { manifest, shards } = await published(ofHosts(400));
    const [first] = [...shards.keys()];
    expect(() => decode({ manifest, shards: new Map([...shards].slice(1)) })).toThrow(`the shard ${first} is not`);
  });
});

const { shards, manifest: manifestOf } = cutUp(snapshot);
const manifest = manifestOf(shards.map(() => "a".repeat(64)));
const shard = shards[0]!;
function copyWith(bytes: Uint8Array, at: number, word: number): Uint8Array {
  const copy = bytes.slice();
  new Uint32Array(copy.buffer, 0, Math.floor(copy.length / 4))[at] = word;
  return copy;
}

describe("bytes that are no manifest are refused", () => {
  it.each<[string, Uint8Array, string]>([
    ["none", new Uint8Array(), "a manifest's head"],
    ["of JSON", new TextEncoder().encode('{"format":1,"listeners":[],"services":{}}'), "a manifest's first word"],
    ["of another format", copyWith(manifest, 1, 9), "format 9, this edge reads 3"],
    ["with a byte more", new Uint8Array([...manifest, 0]), "a manifest's length"],
    ["of a shard", shard, "a manifest's first word"],
  ])("%s", (_, bytes, reason) => {
    expect(() => readManifest(bytes)).toThrow(reason);
  });

  it("cut short anywhere", () => {
    for (let length = 0; length < manifest.length; length++)
      expect(() => readManifest(manifest.slice(0, length))).toThrow(/is not as this edge reads it$/);
  });

  it("that name a kind of policy which this edge does not know", () => {
    const newer = { listeners: [], shards: [], kinds: ["of tomorrow"], names: new Set<number>() };
    expect(() => readManifest(writeManifest(newer))).toThrow("a layer's kind is not");
  });
});

describe("bytes that are no shard are refused", () => {
  it("cut short anywhere", () => {
    for (let length = 0; length < shard.length; length += 3)
      expect(() => adopt(shard.slice(0, length))).toThrow(/is not as this edge reads it$/);
  });

  it("or no match reads beyond them, whatever number was put in the place of one of theirs", () => {
    const request = { method: "GET", path: "/a", header: () => "b", query: () => "1" };
    const seen = { refused: 0, adopted: 0 };
    fc.assert(
      fc.property(
        fc.nat(Math.floor(shard.length / 4) - 1),
        fc.oneof(fc.nat(20), fc.nat(3000), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1)),
        (at, put) => {
          const routes = matcher(readManifest(manifest));
          try {
            routes.shards[0] = adopt(copyWith(shard, at, put));
          } catch {
            seen.refused++;
            return;
          }
          seen.adopted++;
          const matches = ["a.shop.example", "shop.example", "x"].map(
            (host) => () => matchHost(routes, 80, host, request),
          );
          const outcomes = [...matches, () => matchService(routes, "b.default", undefined, "", request)].map(outcomeOf);
          expect(outcomes).not.toContain("failed");
        },
      ),
      { numRuns: 3000, seed: 1 },
    );
    expect(Math.min(seen.refused, seen.adopted)).toBeGreaterThan(300);
  });
});

/** What is looked at when a rule is first used may be refused then; nothing else may go wrong. */
function outcomeOf(match: () => unknown): "matched" | "refused" | "failed" {
  try {
    match();
    return "matched";
  } catch (error) {
    return error instanceof SyntaxError || String(error).endsWith("is not as this edge reads it")
      ? "refused"
      : "failed";
  }
}

it("a text of a shard is any text", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
      (text) => {
        expect(textFrom(Uint8Array.from(textBytes(text)))).toBe(text);
      },
    ),
    { numRuns: 1000, seed: 1 },
  );
});
