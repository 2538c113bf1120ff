import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readManifest } from "../../mesh/manifest.ts";
import { matcher, matchHost, type Matcher } from "../../mesh/match.ts";
import { cutUp } from "../../mesh/published.ts";
import { settle, wantedIn } from "../../mesh/residence.ts";
import { adopt, type Shard } from "../../mesh/shard/read.ts";
import { EMPTY_SNAPSHOT, type RouteTable, type Snapshot } from "../../mesh/snapshot.ts";

const PER_HOST = 100;

function ofHosts(hosts: readonly string[]): Snapshot {
  const paths = Array.from({ length: PER_HOST }, (_, path) => [`/${path}`, [{ rule: 0 }]] as const);
  const table: RouteTable = { exact: {}, prefix: Object.fromEntries(paths) };
  return {
    ...EMPTY_SNAPSHOT,
    listeners: [
      { gateways: ["a/b"], port: 80, hostname: "", hosts: Object.fromEntries(hosts.map((host) => [host, table])) },
    ],
    rules: [{ route: "a/r", rule: "0", layers: [], backends: [] }],
  };
}

function published(hosts: readonly string[]): { routes: Matcher; shards: Shard[] } {
  const { shards, manifest } = cutUp(ofHosts(hosts));
  return { routes: matcher(readManifest(manifest(shards.map(() => "0".repeat(64))))), shards: shards.map(adopt) };
}

/** Asks for a host as a request does, and gives how many shards it had to wait for. */
function ask({ routes, shards }: ReturnType<typeof published>, host: string): number {
  const subject = { method: "GET", path: "/nowhere", header: () => null, query: () => null };
  for (let waits = 0; ; waits++) {
    const match = matchHost(routes, 80, host, subject);
    if (!match || !("missing" in match)) return waits;
    settle(routes, match.missing, shards[match.missing]!, Number.MAX_SAFE_INTEGER);
  }
}

it("whatever was matched without a wait is so under the next snapshot, once that has the shards it wants", () => {
  const host = fc.constantFrom("a.b.x", "c.b.x", "d.x", "e.x", "*.b.x", "*.x", "f.y", "g.y", "h.z", "");
  const hosts = fc.uniqueArray(
    fc.oneof(
      host,
      fc.nat(60).map((n) => `h${n}.z`),
    ),
    { maxLength: 60 },
  );
  const asked = fc.array(
    fc.oneof(
      fc.constantFrom("a.b.x", "c.b.x", "d.x", "q.x", "f.y"),
      fc.nat(60).map((n) => `h${n}.z`),
    ),
    { maxLength: 5 },
  );
  let waited = 0;
  fc.assert(
    fc.property(hosts, hosts, asked, (before, after, served) => {
      const [previous, next] = [published(before), published(after)];
      for (const one of served) waited += ask(previous, one);
      for (const number of wantedIn(next.routes, previous.routes)) next.routes.shards[number] = next.shards[number];
      // A host for which nothing was resident was not served.
      const waits = previous.routes.shards.some(Boolean) ? served.map((one) => ask(next, one)) : [];
      expect(Math.max(0, ...waits)).toBe(0);
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(waited).toBeGreaterThan(100);
});

describe("residence", () => {
  it("of nothing wants nothing", () => {
    expect(wantedIn(published(["a.x"]).routes, published(["b.x"]).routes)).toEqual([]);
  });

  it("leaves alone what is in other shards", () => {
    const hosts = Array.from({ length: 80 }, (_, n) => `h${n}.z`);
    const [previous, next] = [published(hosts), published(hosts)];
    ask(previous, "h1.z");
    expect([previous.routes.shards.length, wantedIn(next.routes, previous.routes).length]).toEqual([16, 1]);
  });

  it("ends for those that were longest without a request, when all take too much", () => {
    const hosts = Array.from({ length: 80 }, (_, n) => `h${n}.z`);
    const { routes, shards } = published(hosts);
    const most = shards.slice(0, 3).reduce((sum, { byteLength }) => sum + byteLength, 0) + 1000;
    const there = () => routes.shards.flatMap((shard, number) => (shard ? [number] : []));
    for (const number of [0, 1, 2]) settle(routes, number, shards[number]!, most);
    routes.usedAt[0] = ++routes.uses;
    settle(routes, 3, shards[3]!, most);
    expect(there()).not.toContain(1);
    expect(there()).toEqual(expect.arrayContaining([0, 3]));
  });

  it("is given to one that is too large alone", () => {
    const { routes, shards } = published(["a.x"]);
    settle(routes, 0, shards[0]!, 1);
    expect(routes.shards[0]).toBe(shards[0]);
  });
});
