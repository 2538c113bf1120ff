/** What finding a request's rule costs: with few routes and many, first and last, and against other routers. */
import type { Benchmark } from "./benchmark.ts";
import { type Asked, edge, edgeOf, type Finder, hono, honoTrie, linear, rou3 } from "./routers.ts";
import { headerRequestOf, headerTableOf, requestOf } from "./routes.ts";
import { ratioRow, type Row } from "./row.ts";
import { compare, inPairs } from "./statistics.ts";

const MATCHES = 200_000;
const PAIRS = 31;
/** Traffic does not go to all routes at once; so many of them, evenly spread, have requests. */
const BUSY_ROUTES = 1000;

const unit = "ns";

/** Nanoseconds a match, over the requests in turn. */
function matching(find: Finder, requests: readonly Asked[], matches = MATCHES): () => Promise<number> {
  return async () => {
    let found = 0;
    const began = performance.now();
    for (let n = 0; n < matches; n++) if (find(requests[n % requests.length]!)) found++; // within it by the remainder
    const ns = ((performance.now() - began) * 1e6) / matches;
    if (found !== matches) throw new Error(`${matches - found} requests found no route`);
    return ns;
  };
}

/** Of so many, up to a thousand, evenly spread. */
function busy(routes: number, request: (n: number) => Asked = requestOf): Asked[] {
  const count = Math.min(routes, BUSY_ROUTES);
  return Array.from({ length: count }, (_, n) => request(Math.floor((n * routes) / count)));
}

async function match(): Promise<Row[]> {
  const few = matching(edge(10), busy(10));
  const hundredThousand = edge(100_000);
  const many = await inPairs(PAIRS, few, matching(edge(10_000), busy(10_000)));
  const most = await inPairs(PAIRS, few, matching(hundredThousand, busy(100_000)));
  const [first, last] = [requestOf(0), requestOf(99_999)].map((one) => matching(hundredThousand, [one]));
  const ends = await inPairs(PAIRS, first!, last!); // two above
  return [
    ratioRow({ name: "match, 10,000 routes / 10", unit }, compare(many)),
    ratioRow({ name: "match, 100,000 routes / 10", unit }, compare(most), { atMost: 3 }),
    ratioRow({ name: "match in 100,000, last route / first", unit }, compare(ends), { atMost: 1.2 }),
    ...(await byHeader()),
  ];
}

/** Rules of one path that only a header's value tells apart. */
async function byHeader(): Promise<Row[]> {
  const [ten, thousand] = [10, 1000].map((rules) => edgeOf(headerTableOf(rules)));
  const of = (find: Finder, requests: readonly Asked[]) => matching(find, requests);
  const many = await inPairs(PAIRS, of(ten!, busy(10, headerRequestOf)), of(thousand!, busy(1000, headerRequestOf)));
  const [first, last] = [0, 999].map((n) => of(thousand!, [headerRequestOf(n)]));
  return [
    ratioRow({ name: "match, 1,000 rules of one path by header / 10", unit }, compare(many), { atMost: 3 }),
    ratioRow(
      { name: "match in 1,000 by header, last rule / first", unit },
      compare(await inPairs(PAIRS, first!, last!)),
      {
        atMost: 1.2,
      },
    ),
  ];
}

/** `matches` of one measurement, and how many of those: what walks 100,000 routes for each request cannot make many. */
type Rival = {
  readonly name: string;
  readonly routes: number;
  readonly finder: (routes: number) => Finder;
  readonly matches: number;
  readonly pairs: number;
};

const RIVALS: readonly Rival[] = [
  { name: "the specification rule by rule", routes: 10, finder: linear, matches: 20_000, pairs: PAIRS },
  { name: "the specification rule by rule", routes: 1000, finder: linear, matches: 1000, pairs: 9 },
  { name: "the specification rule by rule", routes: 100_000, finder: linear, matches: 10, pairs: 5 },
  { name: "Hono", routes: 10, finder: hono, matches: MATCHES, pairs: PAIRS },
  { name: "Hono", routes: 1000, finder: hono, matches: 20_000, pairs: PAIRS },
  { name: "Hono's TrieRouter", routes: 100_000, finder: honoTrie, matches: 20_000, pairs: PAIRS },
  { name: "rou3", routes: 10, finder: rou3, matches: MATCHES, pairs: PAIRS },
  { name: "rou3", routes: 1000, finder: rou3, matches: MATCHES, pairs: PAIRS },
  { name: "rou3", routes: 100_000, finder: rou3, matches: MATCHES, pairs: PAIRS },
];

async function rivals(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, routes, finder, matches, pairs } of RIVALS) {
    const requests = busy(routes);
    const measured = await inPairs(
      pairs,
      matching(finder(routes), requests, matches),
      matching(edge(routes), requests),
    );
    rows.push(
      ratioRow({ name: `match, ${routes.toLocaleString("en")} routes, edge / ${name}`, unit }, compare(measured)),
    );
  }
  return rows;
}

export const MATCHING: readonly Benchmark[] = [
  { name: "match", run: match },
  { name: "routers", run: rivals },
];
