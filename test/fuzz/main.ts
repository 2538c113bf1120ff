/**
 * `npm run fuzz [-- --cases N] [--seed S]`: the matcher against the specification read rule by rule, over tables and requests that the
 * seed alone decides. A case is one request against one table; the first that differs is made as small as it can be and shown.
 * `npm run fuzz -- --edge MINUTES [--seed S]`: raw requests against a real edge for so long; edge.ts says what must hold.
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import { compile } from "../../mesh/compile/compile.ts";
import { linearMatch, type LinearRequest } from "../support/linear-match.ts";
import { hostMatch, ready } from "../support/published.ts";
import {
  crowded,
  crowdedRequest,
  listenersAndRoutes,
  request,
  resourcesOf,
  type Tables,
} from "../support/route-tables.ts";
import { fuzzEdge } from "./edge.ts";

const PER_TABLE = 20;
/** Tables between two lines of progress. */
const STEP = 2500;
const MOST_CASES = 100_000_000;

const { values: flags } = parseArgs({
  options: { cases: { type: "string", default: "100000" }, seed: { type: "string" }, edge: { type: "string" } },
});
const cases = Number(flags.cases);
const seed = Number(flags.seed ?? Date.now() % 2 ** 31);
if (!Number.isInteger(cases) || cases < 1 || cases > MOST_CASES || !Number.isInteger(seed)) {
  console.error(`--cases is a whole number from 1 to ${MOST_CASES}, --seed a whole number`);
  process.exit(2);
}
if (flags.edge !== undefined) {
  const minutes = Number(flags.edge);
  if (!(minutes > 0)) {
    console.error("--edge is a number of minutes");
    process.exit(2);
  }
  console.log(`seed ${seed}, ${minutes} minutes`);
  await fuzzEdge(seed, minutes);
  process.exit(0);
}

const count = { matched: 0, unmatched: 0 };
function agree({ listeners, routes }: Tables, requests: readonly LinearRequest[]): void {
  const table = ready(compile(resourcesOf(listeners, routes)).snapshot);
  for (const one of requests) {
    const expected = linearMatch(listeners, routes, one);
    const { port, host, method, path, headers, query } = one;
    const header = (name: string) => headers[name] ?? null;
    const match = hostMatch(table, port, host, { method, path, header, query: (name) => query[name] ?? null });
    const found = match && `${match.rule.route} ${match.rule.rule}`;
    if (found !== expected)
      throw new Error(`the matcher says ${found ?? "no route"}, the specification ${expected ?? "no route"}`);
    count[found === undefined ? "unmatched" : "matched"]++;
  }
}

const agreeing = (tables: fc.Arbitrary<Tables>, requests: fc.Arbitrary<LinearRequest>) =>
  fc.property(tables, fc.array(requests, { minLength: PER_TABLE, maxLength: PER_TABLE }), agree);
/** In turn, by the seed of the step. Tables of long lists are slow to read rule by rule, and are a quarter. */
const properties = [
  ...Array.from({ length: 3 }, () => agreeing(listenersAndRoutes, request)),
  agreeing(crowded, crowdedRequest),
];

console.log(`seed ${seed}, ${cases} cases`);
const tables = Math.ceil(cases / PER_TABLE);
for (let done = 0; done < tables; done += STEP) {
  // Each step has a seed of its own, so that a counterexample is found again without the steps before it.
  const own = seed + done;
  const property = properties[Math.abs(Math.floor(own / STEP)) % properties.length]!;
  const result = fc.check(property, { numRuns: Math.min(STEP, tables - done), seed: own });
  if (result.failed) {
    console.error(fc.defaultReportMessage(result));
    console.error(`again: npm run fuzz -- --cases ${STEP * PER_TABLE} --seed ${own}`);
    process.exit(1);
  }
  const { matched, unmatched } = count;
  console.log(`${matched + unmatched} cases, ${matched} with a route and ${unmatched} without: none differs`);
}
