/** One service: how it answers, who calls it, by which routes, under which policies. */
import type { BreakersResponse, MetricsResponse } from "../../mesh/api.ts";
import { resourceYaml } from "../../mesh/resources/to-yaml.ts";
import { titleOf } from "../../mesh/resources/resource.ts";
import type { Group, Grouping } from "../../mesh/telemetry/query.ts";
import { useLive } from "../api.ts";
import { Breakers } from "../breakers.tsx";
import { compact, milliseconds, percent, rate } from "../format.ts";
import { metricsPath, nameOf, policiesOf, routesOf } from "../model.ts";
import { type Column, Card, Empty, Head, type Shown, Table, Trouble } from "../shell.tsx";
import { Signals } from "../signals.tsx";

export const outside = (caller: string | undefined): string => caller || "outside";

export function Service({ place, range, paused, resources = [], theme }: Shown & { theme: string }) {
  const name = place.query["name"] ?? "";
  const now = (): number => Date.now() / 1000;
  const series = useLive<MetricsResponse>(() => metricsPath(range, "callee", now(), true), `one ${range.name}`, paused);
  const detail = useLive<MetricsResponse>(
    () => metricsPath(range, "callee,caller,route,backend,class,cause", now(), false),
    `detail ${range.name}`,
    paused,
  );
  const breakers = useLive<BreakersResponse>(
    `/v1/breakers?name=${encodeURIComponent(name)}`,
    `breakers of ${name}`,
    paused,
  );
  const own = series.data && {
    ...series.data,
    groups: series.data.groups.filter(({ labels }) => labels.callee === name),
  };
  const groups = (detail.data?.groups ?? []).filter(({ labels }) => labels.callee === name);
  const routes = routesOf(name, resources);
  const policies = policiesOf(name, resources);
  const [namespace, short] = name.split("/");
  const isOf = (one: string) => resources.some((resource) => resource.kind === one && nameOf(resource) === name);
  const kind = isOf("Backend") && !isOf("Service") ? "Backend" : "Service";
  return (
    <>
      <Head
        title={short ?? name}
        sub={`${kind} in ${namespace}`}
        command={`selvedge describe ${kind.toLowerCase()} ${short} -n ${namespace}`}
      />
      <Trouble error={series.error ?? detail.error ?? breakers.error} />
      <Signals metrics={own} theme={theme} />
      <div class="two">
        <Card title="Who calls" id="callers">
          <Split groups={groups} by="caller" title="Caller" naming={outside} />
        </Card>
        <Card title="Breakers" id="breakers">
          <Breakers
            items={breakers.data?.items ?? []}
            empty="No breaker guards this service. A TrafficPolicy with spec.breaker makes one."
          />
        </Card>
        <Card title="Backends">
          <Split groups={groups} by="backend" title="Backend" naming={(backend) => backend || "answered by the mesh"} />
        </Card>
        <Card title="Routes" note={routes.length || ""} id="routes">
          <Split groups={groups} by="route" title="Route" naming={(route) => route || "its address, no route"} />
          {routes.map((route) => (
            <Yaml key={titleOf(route)} title={titleOf(route)} text={resourceYaml(route)} />
          ))}
        </Card>
        <Card title="Answers">
          <Split groups={groups} by="class" title="Status" naming={(status) => status} />
          <Split
            groups={groups.filter(({ labels }) => labels.cause)}
            by="cause"
            title="Cause of a denial"
            naming={(cause) => cause}
          />
        </Card>
        <Card title="Policies that apply" note={policies.length || ""} id="policies">
          {policies.length === 0 && (
            <Empty>No policy targets this service or a route to it; traffic flows with the mesh's defaults.</Empty>
          )}
          {policies.map((policy) => (
            <Yaml key={titleOf(policy)} title={titleOf(policy)} text={resourceYaml(policy)} />
          ))}
        </Card>
      </div>
    </>
  );
}

const Yaml = ({ title, text }: { title: string; text: string }) => (
  <details>
    <summary>{title}</summary>
    <pre>{text}</pre>
  </details>
);

type Sum = { readonly name: string; requests: number; errors: number; rate: number; p99: number };

/** Sums over the other labels; of latency the worst, for quantiles do not add up. */
function Split({
  groups,
  by,
  title,
  naming,
}: {
  groups: readonly Group[];
  by: Grouping;
  title: string;
  naming: (label: string) => string;
}) {
  const sums = new Map<string, Sum>();
  for (const { labels, total } of groups) {
    const name = naming(labels[by] ?? "");
    const sum = sums.get(name) ?? { name, requests: 0, errors: 0, rate: 0, p99: 0 };
    sums.set(name, sum);
    sum.requests += total.requests;
    sum.errors += total.errors;
    sum.rate += total.rate;
    sum.p99 = Math.max(sum.p99, total.p99);
  }
  if (by === "cause" && sums.size === 0) return null;
  const columns: readonly Column<Sum>[] = [
    { title, cell: ({ name }) => name },
    { title: "Requests", number: true, cell: ({ requests }) => compact(requests) },
    { title: "RPS", number: true, cell: (sum) => rate(sum.rate) },
    { title: "5xx", number: true, cell: ({ requests, errors }) => percent(errors, requests) },
    { title: "P99 ≤", number: true, cell: ({ p99 }) => milliseconds(p99) },
  ];
  return (
    <Table
      rows={[...sums.values()].toSorted((a, b) => b.requests - a.requests)}
      columns={columns}
      keyOf={({ name }) => name}
      empty={<Empty>Nothing called it in this time.</Empty>}
    />
  );
}
