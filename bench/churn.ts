/** Routes change while requests go on: what the requests notice of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../test/support/ports.ts";
import { startPart } from "../test/support/processes.ts";
import type { Benchmark, Context } from "./benchmark.ts";
import { prefixOf, single, singles, STAMP } from "./routes.ts";
import { ratioRow, type Row, valueRow } from "./row.ts";
import { apply, serves, type Stage } from "./stage.ts";
import { compare, inPairs, median } from "./statistics.ts";

const ROUTES = 10_000;
/** So many HTTPRoutes change with each apply, and so often is there one: 50 a second. */
const AT_ONCE = 10;
const EVERY_MS = 200;
/** Those that change, in turn, and those that get requests; the others lie between them. */
const CHANGING = 100;
const STRIDE = ROUTES / CHANGING;

const PER_RUN_MS = 5000;
const CONNECTIONS = 16;
/** Requests a second: less than the machine could, so that waiting for a processor does not hide what the edge does. */
const RATE = 200;
const LOOK_EVERY_MS = 500;

type Standing = { readonly edge: number; readonly control: number; readonly token: string };

/** State, control and the edge are processes of their own: none waits for the event loop of another. */
async function boot({ upstream, atClose }: Stage): Promise<Standing> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
  atClose(() => rm(dir, { recursive: true, force: true }));
  const [edge, control] = [await freePort(), await freePort()];
  const token = crypto.randomUUID();
  const shared = { dir, registry: join(dir, "registry"), lookEveryMs: LOOK_EVERY_MS };
  const parts = [
    shared,
    { ...shared, state: false, control: { port: control, token } },
    { ...shared, state: false, edges: [{ name: "edge", port: edge }] },
  ];
  for (const options of parts) {
    const part = await startPart(options);
    atClose(() => part.kill());
  }
  const { epoch } = await apply(control, token, singles(ROUTES, upstream));
  await serves(edge, epoch);
  return { edge, control, token };
}

async function churn({ stage, pairs }: Context): Promise<Row[]> {
  const staged = await stage();
  const { edge, control, token } = await boot(staged);
  const requests = Array.from(
    { length: CHANGING },
    (_, n) => `GET ${prefixOf(0)}/8/items HTTP/1.1\r\nHost: shop-${n * STRIDE}.bench.test\r\n\r\n`,
  );
  const load = () =>
    staged.loader.run({ port: edge, requests, connections: CONNECTIONS, ms: PER_RUN_MS, rate: RATE, stamp: STAMP });

  let version = 0;
  const changes = async (until: () => boolean): Promise<number> => {
    const began = performance.now();
    for (let n = 1; ; n++) {
      const first = version++ * AT_ONCE;
      const routes = Array.from({ length: AT_ONCE }, (_, m) => single(((first + m) % CHANGING) * STRIDE, version));
      await apply(control, token, routes.join("---\n"));
      const spare = began + n * EVERY_MS - performance.now();
      if (spare > 0) await pause(spare);
      if (until()) return (n * AT_ONCE * 1000) / (performance.now() - began);
    }
  };
  const changing = async () => {
    let over = false;
    const before = version;
    const made = changes(() => over);
    const result = await load();
    over = true;
    const seen = result.stamps.filter((stamp) => Number(stamp) > before).length;
    return { ...result, changes: await made, seen };
  };
  const measured = await inPairs(pairs, async () => ({ ...(await load()), changes: 0, seen: 0 }), changing);
  const failed = measured.some((pair) => pair.baseline.errors + pair.variant.errors > 0);
  const row = (what: "p50" | "p99", bound?: Parameters<typeof ratioRow>[2]) =>
    ratioRow(
      { name: `while 50 of 10,000 routes change a second / none: ${what}`, unit: "ms" },
      compare(measured.map((pair) => ({ baseline: pair.baseline[what], variant: pair.variant[what] }))),
      bound,
      failed,
    );
  return [
    row("p50"),
    row("p99", { atMost: 1.2 }),
    valueRow(
      { name: "changes of routes that control took", unit: "1/s" },
      median(measured.map((pair) => pair.variant.changes)),
      null,
      { atLeast: 48 },
    ),
    valueRow(
      { name: "epochs that its callers saw", unit: "1/s" },
      median(measured.map((pair) => (pair.variant.seen * 1000) / PER_RUN_MS)),
    ),
  ];
}

export const CHURN: readonly Benchmark[] = [{ name: "churn", run: churn }];
