/** The rules of monitoring/, and how true the quantiles are that Prometheus finds in our histograms: by its own engine. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { addTo, bucketOf } from "../../mesh/histogram.ts";
import { expositionText } from "../../mesh/telemetry/openmetrics.ts";
import { emptyTally } from "../../mesh/telemetry/series.ts";
import { exponential, normal, seeded } from "../simulation/events.ts";
import { alertRules } from "../support/monitoring.ts";
import { missing } from "../support/programs.ts";

const TESTS = fileURLToPath(new URL("../../monitoring/prometheus/alerts.test.yaml", import.meta.url));

const why = missing("promtool");
describe.skipIf(why !== undefined)(`promtool ${why ?? ""}`, () => {
  it("finds that each alert fires when it should, and not otherwise", () => {
    expect(execFileSync("promtool", ["test", "rules", TESTS], { encoding: "utf8" })).toContain("SUCCESS");
  });

  it("finds the quantiles of smooth latencies within 2.5 % of what they are", () => {
    expect(quantiles((random) => 40 * Math.exp(0.6 * normal(random)))).toBe("SUCCESS");
    expect(quantiles((random) => 80 * exponential(random))).toBe("SUCCESS");
    expect(quantiles((random) => (random() < 0.8 ? 12 : 450) * Math.exp(0.2 * normal(random)))).toBe("SUCCESS");
  });
});

it("every alert has a case that it fires in", () => {
  const { tests } = parse(readFileSync(TESTS, "utf8")) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const fired = tests.flatMap((one) =>
    one.alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname),
  );
  expect([...new Set(fired)].toSorted()).toEqual(
    alertRules()
      .map(({ alert }) => alert)
      .toSorted(),
  );
});

const CALLS = 50_000;
const ASKED = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/** Has Prometheus compare its quantiles of what control exposes with those of the values themselves, by nearest rank. */
function quantiles(draw: (random: () => number) => number): string {
  const random = seeded(20261126);
  const values = Array.from({ length: CALLS }, () => draw(random));
  const tally = emptyTally();
  for (const ms of values) {
    tally.requests += 1;
    addTo(tally.latency, bucketOf(ms));
  }
  const labels = {
    caller: "",
    callee: "shop/cart",
    route: "",
    rule: "",
    method: "",
    backend: "",
    class: "2xx",
    cause: "",
  } as const;
  const text = expositionText(
    {
      series: [[labels, tally]],
      edges: [],
      epoch: 1,
      accounts: { reported: CALLS, undetailed: 0, pendingMax: 0, lostMax: 0 },
      mirrors: [],
      exemplars: [],
    },
    "openmetrics",
  );
  const series = text.split("\n").filter((line) => line.startsWith("selvedge_request_duration_seconds_bucket"));
  values.sort((a, b) => a - b);
  const exact = (q: number) => values[Math.ceil(q * CALLS) - 1]! / 1000;
  const check = {
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: series.map((line) => {
          const at = line.lastIndexOf(" ");
          return { series: line.slice(0, at), values: line.slice(at + 1) };
        }),
        promql_expr_test: ASKED.map((q) => ({
          expr: `abs(histogram_quantile(${q}, sum by (le) (selvedge_request_duration_seconds_bucket)) / ${exact(q)} - 1) < bool 0.025`,
          eval_time: "0m",
          exp_samples: [{ labels: "{}", value: 1 }],
        })),
      },
    ],
  };
  const dir = mkdtempSync(join(tmpdir(), "selvedge-quantiles-"));
  try {
    const file = join(dir, "quantiles.yaml");
    writeFileSync(file, JSON.stringify(check));
    return /SUCCESS/.exec(execFileSync("promtool", ["test", "rules", file], { encoding: "utf8" }))?.[0] ?? "";
  } finally {
    rmSync(dir, { recursive: true });
  }
}
