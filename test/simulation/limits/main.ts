/** `npm run simulate:limits`: the table of docs/rate-limits.md. */
import { type Scenario, simulate } from "./simulate.ts";

const base = { seed: 1, rate: 5000, burst: 5000, skew: 1, seconds: 25, warmUpSeconds: 5, roundTripMs: 60 };
const faults = {
  loss: 0.05,
  duplicates: 0.1,
  restartEveryMs: 10_000,
  zombie: 0.5,
  drift: 0.01,
  apartMs: 5000,
  forgetEveryMs: 60_000,
};
const ROWS: readonly (readonly [string, Omit<Scenario, keyof typeof base> & Partial<typeof base>])[] = [
  ["10 isolates, 0.9 of the limit", { isolates: 10, load: 0.9 }],
  ["100 isolates, 0.5", { isolates: 100, load: 0.5 }],
  ["100 isolates, 0.9", { isolates: 100, load: 0.9 }],
  ["100 isolates, 2", { isolates: 100, load: 2 }],
  ["100 isolates, 0.9, overdraft 20 %", { isolates: 100, load: 0.9, overdraft: 0.2 }],
  ["100 isolates, 0.9, each 4 x for 5 s of 20 s", { isolates: 100, load: 0.9, bursts: { times: 4, everyMs: 20_000 } }],
  ["100 isolates, 0.9, faults", { isolates: 100, load: 0.9, ...faults }],
  ["100 isolates, 2, faults", { isolates: 100, load: 2, ...faults }],
  ["1,000 isolates, 0.9", { isolates: 1000, load: 0.9 }],
  ["1,000 isolates, 0.9, overdraft 20 %", { isolates: 1000, load: 0.9, overdraft: 0.2 }],
  ["1,000 isolates, 2", { isolates: 1000, load: 2 }],
  ["10,000 isolates, 0.9, 9 regions", { isolates: 10_000, load: 0.9, regions: 9 }],
  [
    "20 isolates, 500/s, 2, restarts every 5 s",
    { isolates: 20, rate: 500, burst: 500, load: 2, skew: 0, roundTripMs: 3, restartEveryMs: 5000 },
  ],
];

const lines = [["scenario", "admitted / ideal", "excess", "calls / 1,000", "writes / s", "p50 ms", "p99 ms"]];
for (const [name, scenario] of ROWS) {
  const run = simulate({ ...base, ...scenario });
  const seconds = base.seconds - base.warmUpSeconds;
  lines.push([
    name,
    (run.admitted / run.ideal).toFixed(3),
    run.excess.toFixed(1),
    ((1000 * run.calls) / run.arrivals).toFixed(1),
    (run.writes / seconds).toFixed(2),
    run.p50.toFixed(0),
    run.p99.toFixed(0),
  ]);
}
lines.splice(1, 0, ["---", ...Array.from({ length: 6 }, () => "---:")]);
console.log(lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"));
