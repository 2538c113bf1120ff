/** Who finds the route of a request: the edge, and those that it is compared with. All of them know the same routes. */
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { addRoute, createRouter, findRoute } from "rou3";
import { readManifest } from "../mesh/manifest.ts";
import { type Matcher, matcher, matchHost, type Subject } from "../mesh/match.ts";
import { cutUp } from "../mesh/published.ts";
import { adopt } from "../mesh/shard/read.ts";
import type { Snapshot } from "../mesh/snapshot.ts";
import { linearMatch, type LinearRoute } from "../test/support/linear-match.ts";
import { prefixOf, requestOf, RULES, tablesOf } from "./routes.ts";

export type Asked = {
  readonly host: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Finds whether a route takes a GET. */
export type Finder = (asked: Asked) => unknown;

export const edge = (routes: number): Finder => edgeOf(tablesOf(routes));

/** With all shards resident. */
export function edgeOf(snapshot: Snapshot): Finder {
  const { shards, manifest } = cutUp(snapshot);
  const ready: Matcher = matcher(readManifest(manifest(shards.map(() => "0".repeat(64)))));
  shards.forEach((bytes, number) => {
    ready.shards[number] = adopt(bytes);
  });
  const none = () => null;
  return ({ host, path, headers }) => {
    const header = headers ? (name: string) => headers[name] ?? null : none;
    const subject: Subject = { method: "GET", path, header, query: none };
    const match = matchHost(ready, 80, host, subject);
    return match !== undefined && "rule" in match;
  };
}

/** The specification, tried rule by rule. */
export function linear(routes: number): Finder {
  const listeners = [{ name: "http", port: 80, hostname: "*.bench.test" }];
  const all = numbers(Math.ceil(routes / RULES)).map((route): LinearRoute => {
    const rules = numbers(Math.min(RULES, routes - route * RULES)).map((rule) => ({
      matches: [{ path: { type: "PathPrefix", value: prefixOf(rule) } as const }],
    }));
    return { namespace: "bench", name: `shop-${route}`, hostnames: [requestOf(route * RULES).host], rules };
  });
  return ({ host, path }) =>
    linearMatch(listeners, all, { port: 80, host, method: "GET", path, headers: {}, query: {} });
}

/** Routers of frameworks know paths alone: the host becomes the first segment, as Hono's guide to hosts has it. */
const pathOf = (n: number): string => `/${requestOf(n).host}${prefixOf(n)}`;

export function rou3(routes: number): Finder {
  const router = createRouter<number>();
  for (const n of numbers(routes)) addRoute(router, "GET", `${pathOf(n)}/**`, n);
  return ({ host, path }) => findRoute(router, "GET", `/${host}${path}`);
}

/** What `new Hono()` takes: one regular expression of all routes, or a trie where there cannot be one. */
export const hono = (routes: number): Finder =>
  byHono(new SmartRouter({ routers: [new RegExpRouter(), new TrieRouter()] }), routes);

/** V8 refuses the expression of 100,000 routes, which ends the choice between the two with an error. */
export const honoTrie = (routes: number): Finder => byHono(new TrieRouter(), routes);

function byHono(router: SmartRouter<number> | TrieRouter<number>, routes: number): Finder {
  for (const n of numbers(routes)) router.add("GET", `${pathOf(n)}/*`, n);
  return ({ host, path }) => router.match("GET", `/${host}${path}`)[0].length > 0;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
