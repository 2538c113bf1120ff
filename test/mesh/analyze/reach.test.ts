import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Loss, reach } from "../../../mesh/analyze/reach.ts";
import { compile } from "../../../mesh/compile/compile.ts";
import { linearMatch, type LinearRequest } from "../../support/linear-match.ts";
import { listenersAndRoutes, request, resourcesOf } from "../../support/route-tables.ts";

const fields = (all: readonly { readonly name: string; readonly value: string }[]): Record<string, string> =>
  Object.fromEntries(all.map(({ name, value }) => [name, value]));

function requestOf({ witness: { to, method, path, headers, query } }: Loss): LinearRequest {
  if (to.kind !== "host") throw new Error("no service here");
  return { port: to.port, host: to.host, method, path, headers: fields(headers), query: fields(query) };
}

/**
 * Invariant, of rules read one by one by the specification: a rule that is said to be unreached answers no request, and each
 * request that is shown is answered by the rule that is named.
 */
describe("what reach says of rules is so", () => {
  it.each([1, 2, 3])("on the cases of seed %i", (seed) => {
    const count = { unreached: 0, shadowed: 0, shown: 0, answered: 0 };
    fc.assert(
      fc.property(
        listenersAndRoutes,
        fc.array(request, { minLength: 30, maxLength: 30 }),
        ({ listeners, routes }, requests) => {
          const { snapshot } = compile(resourcesOf(listeners, routes));
          const found = reach(snapshot);
          for (const { reached, losses } of found.values()) {
            count[reached ? "shadowed" : "unreached"] += losses.length > 0 ? 1 : 0;
            for (const loss of losses) {
              const taker = loss.taker === undefined ? undefined : snapshot.rules[loss.taker]!;
              expect(linearMatch(listeners, routes, requestOf(loss))).toBe(taker && `${taker.route} ${taker.rule}`);
              count.shown++;
            }
          }
          for (const one of requests) {
            const taker = linearMatch(listeners, routes, one);
            if (taker === undefined) continue;
            expect([taker, found.get(taker)?.reached]).toEqual([taker, true]);
            count.answered++;
          }
        },
      ),
      { numRuns: 400, seed },
    );
    // Or the cases would prove little.
    expect(Math.min(...Object.values(count))).toBeGreaterThan(100);
  });

  it("and of exact conditions it finds every rule that no request reaches", () => {
    const count = { reached: 0, unreached: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.array(match, { minLength: 1, maxLength: 2 }), { minLength: 4, maxLength: 8 }),
        (rules) => {
          const routes = [{ namespace: "a", name: "r", hostnames: [], rules: rules.map((matches) => ({ matches })) }];
          const taken = new Set(EVERY_REQUEST.map((one) => linearMatch(LISTENERS, routes, one)));
          for (const [rule, { reached }] of reach(compile(resourcesOf(LISTENERS, routes)).snapshot)) {
            expect([rule, reached]).toEqual([rule, taken.has(rule)]);
            count[reached ? "reached" : "unreached"]++;
          }
        },
      ),
      { numRuns: 700 },
    );
    expect(Math.min(...Object.values(count))).toBeGreaterThan(100);
  });
});

/** Few enough that a request of every sort can be tried. */
const value = fc.constantFrom("1", "2");
const match = fc.record(
  {
    path: fc.constantFrom(
      { type: "Exact" as const, value: "/a" },
      { type: "PathPrefix" as const, value: "/a" },
      { type: "PathPrefix" as const, value: "/" },
    ),
    method: fc.constantFrom("GET", "POST"),
    headers: fc.tuple(fc.record({ name: fc.constant("x"), value })),
    queryParams: fc.tuple(fc.record({ name: fc.constant("q"), value })),
  },
  { requiredKeys: [] },
);
const LISTENERS = [{ name: "l", port: 80 }];
const EVERY_REQUEST = ["/", "/a", "/a/z", "/z"].flatMap((path) =>
  ["GET", "POST", "PUT"].flatMap((method) =>
    [{}, { x: "1" }, { x: "2" }].flatMap((headers) =>
      [{}, { q: "1" }, { q: "2" }].map((query): LinearRequest => ({
        port: 80,
        host: "h",
        method,
        path,
        headers,
        query,
      })),
    ),
  ),
);
