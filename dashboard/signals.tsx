/** The golden signals of a group: as numbers over the whole time, and as charts. */
import type { MetricsResponse } from "../mesh/api.ts";
import { Chart } from "./chart.tsx";
import { compact, milliseconds, percent, rate } from "./format.ts";
import { healthOf, seriesOf } from "./model.ts";
import { Empty } from "./shell.tsx";

export function Signals({ metrics, theme }: { metrics: MetricsResponse | undefined; theme: string }) {
  if (!metrics) return <div class="card loading">Asking control…</div>;
  const total = metrics.groups[0]?.total;
  if (!total || total.requests === 0)
    return (
      <div class="card">
        <Empty command="curl http://127.0.0.1:8787/~catalog.shop/items">
          No request was counted in this time. Send one through an edge, or choose a longer time above.
        </Empty>
      </div>
    );
  const series = seriesOf(metrics);
  return (
    <>
      <div class="numbers">
        <Number label="Requests" value={`${rate(total.rate)}/s`} note={`${compact(total.requests)} in all`} />
        <Number
          label="Success"
          value={percent(total.requests - total.errors, total.requests)}
          note={total.errors === 0 ? "no 5xx" : `${compact(total.errors)} answered 5xx`}
          tone={healthOf(total)}
        />
        <Number label="Latency p50" value={milliseconds(total.p50)} note="half are faster" />
        <Number label="Latency p99" value={milliseconds(total.p99)} note={`p95 ${milliseconds(total.p95)}`} />
        <Number
          label="Attempts"
          value={(total.attempts / total.requests).toFixed(2)}
          note={total.hedges > 0 ? `${compact(total.hedges)} hedges` : "for each request"}
        />
      </div>
      <div class="charts">
        <Chart
          title="Requests a second"
          at={series.at}
          format={rate}
          theme={theme}
          lines={[
            { label: "all", color: "--accent", values: series.rate, fill: true },
            { label: "5xx", color: "--bad", values: series.errors, fill: true },
          ]}
        />
        <Chart
          title="Latency"
          at={series.at}
          format={milliseconds}
          theme={theme}
          lines={[
            { label: "p50", color: "--accent", values: series.p50 },
            { label: "p95", color: "--second", values: series.p95 },
            { label: "p99", color: "--third", values: series.p99 },
          ]}
        />
      </div>
    </>
  );
}

const Number = ({ label, value, note, tone = "" }: { label: string; value: string; note: string; tone?: string }) => (
  <div class={`figure ${tone}`}>
    <span class="label">{label}</span>
    <span class="value">{value}</span>
    <span class="note">{note}</span>
  </div>
);
