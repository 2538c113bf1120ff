/**
 * What authorization forbids, what routing chooses and what the service is sent are one path: whatever spelling a caller finds, and however
 * the service may read it. The reference here reads rules naively, over the path that the service got, and is no code of the mesh.
 */
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { proxy } from "../../workers/edge-proxy/proxy.ts";
import { readings } from "../attacks/readings.ts";
import { ready } from "../support/published.ts";
import {
  authorizationPolicy,
  backend,
  compiled,
  front,
  GATEWAY_API,
  route,
  to,
  trafficPolicy,
} from "../support/resources.ts";
import { callWith } from "./layers/call.ts";

const SEGMENTS = ["a", "b.c"];
type Rule = { readonly kind: "exact" | "prefix"; readonly path: string };
const path = fc.array(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 2 }).map((all) => `/${all.join("/")}`);
const rule: fc.Arbitrary<Rule> = fc.record({ kind: fc.constantFrom("exact", "prefix"), path });
const tables = fc.record({
  routes: fc.uniqueArray(rule, { minLength: 1, maxLength: 4, selector: ({ kind, path: of }) => `${kind} ${of}` }),
  denied: fc.array(rule, { minLength: 1, maxLength: 3 }),
  ambiguous: fc.constantFrom("Refuse", "Resolve", "Keep"),
});

const hex = (letter: string, digits: (text: string) => string) =>
  `%${digits(letter.charCodeAt(0).toString(16).padStart(2, "0"))}`;
/** Ways in which a letter of a path, or the slash before it, is spelt so that somebody may read it otherwise. */
const SPELLINGS: readonly ((letter: string) => string)[] = [
  (letter) => hex(letter, (text) => text.toLowerCase()),
  (letter) => hex(letter, (text) => text.toUpperCase()),
  (letter) => hex("%", String) + hex(letter, String).slice(1),
  (letter) => letter.toUpperCase(),
  (letter) => `${letter}\t`,
];
const BETWEEN = [
  "//",
  "/./",
  "/x/../",
  "/%2e/",
  "/x/%2E%2e/",
  "%2f",
  "%2F",
  "\\",
  "%5c",
  "/;/",
  "/..;/",
  "/.%00/",
  "/%c0%ae%c0%ae/",
  "/x/..%2f",
  ";x=y/",
];
const spelt = fc
  .tuple(path, fc.array(fc.tuple(fc.nat(30), fc.nat(SPELLINGS.length + BETWEEN.length)), { maxLength: 3 }))
  .map(([plain, changes]) => {
    const letters = Array.from(plain);
    for (const [at, which] of changes) {
      const place = at % letters.length;
      const one = letters[place]!; // place is below length
      if (one === "/") letters[place] = BETWEEN[which % BETWEEN.length]!;
      else if (one.length === 1) letters[place] = SPELLINGS[which % SPELLINGS.length]!(one);
    }
    const text = letters.join("");
    return text.startsWith("/") ? text : `/${text}`;
  });

const covers = ({ kind, path: of }: Rule, given: string): boolean =>
  given === of || (kind === "prefix" && given.startsWith(`${of}/`));
/** An exact path first, then the longest prefix; undefined where no rule takes it. */
const nameOf = (routes: readonly Rule[], given: string): string | undefined => {
  const takers = routes.flatMap((one, index) => (covers(one, given) ? [{ ...one, name: `s${index}` }] : []));
  const rank = ({ kind, path: of }: Rule) => (kind === "exact" ? 1000 : of.length);
  return takers.toSorted((a, b) => rank(b) - rank(a))[0]?.name;
};

it("authorization, routing and the service have one path between them", async () => {
  // Each denial is told in the log.
  vi.spyOn(console, "log").mockImplementation(() => {});
  const count: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(tables, fc.array(spelt, { minLength: 20, maxLength: 20 }), async (table, paths) => {
      const { routes, denied, ambiguous } = table;
      const gateway = { targetRefs: [{ group: GATEWAY_API, kind: "Gateway", name: "front" }] };
      const { snapshot } = compiled(
        front(),
        ...routes.map((_, index) => backend(`s${index}`, {}, `http://s${index}.internal`)),
        route("all", {
          parentRefs: [{ name: "front" }],
          rules: routes.map(({ kind, path: value }, index) => ({
            matches: [{ path: { type: kind === "exact" ? "Exact" : "PathPrefix", value } }],
            backendRefs: [to(`s${index}`)],
          })),
        }),
        trafficPolicy("spellings", { ...gateway, path: { ambiguous } }),
        authorizationPolicy("closed", {
          ...gateway,
          action: "DENY",
          rules: [
            {
              to: [
                {
                  operation: {
                    paths: denied.flatMap(({ kind, path: of }) => (kind === "exact" ? [of] : [of, `${of}/*`])),
                  },
                },
              ],
            },
          ],
        }),
      );
      const arrived: URL[] = [];
      const { outside } = callWith({
        hostPreserving: () => undefined,
        fetch: async (url) => {
          arrived.push(new URL(url));
          return new Response("");
        },
      });
      const run = proxy(ready(snapshot), { epoch: 1, hash: "h" });
      const ingress = {
        scheme: "http",
        port: 80,
        domain: "mesh.internal",
        workload: "",
        caller: "",
        client: "192.0.2.1",
        trustedProxies: 0,
      } as const;
      for (const asked of paths) {
        arrived.length = 0;
        const request = new Request(`http://shop.test${asked}`);
        const { status } = await run(request as never, new URL(request.url), outside, ingress, async () => false);
        count[`${ambiguous} ${status}`] = (count[`${ambiguous} ${status}`] ?? 0) + 1;
        const [got] = arrived;
        if (!got) continue;
        // A service reads what it gets as it is; under the stricter settings, in any way that services are known to.
        for (const read of [got.pathname, ...(ambiguous === "Keep" ? [] : readings(got.pathname))]) {
          expect([asked, read, got.hostname]).toEqual([asked, read, `${nameOf(routes, read)}.internal`]);
          expect([asked, read, denied.some((one) => covers(one, read))]).toEqual([asked, read, false]);
        }
      }
    }),
    { numRuns: 300 },
  );
  // Each setting lets some through, refuses some as ambiguous, forbids some, and knows no route for some.
  for (const setting of ["Refuse", "Resolve", "Keep"])
    for (const status of [200, 400, 403, 404])
      expect([setting, status, (count[`${setting} ${status}`] ?? 0) > 20]).toEqual([setting, status, true]);
});
