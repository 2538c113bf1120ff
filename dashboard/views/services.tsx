/** Every service there is, with or without traffic. */
import type { MetricsResponse } from "../../mesh/api.ts";
import { useLive } from "../api.ts";
import { plural } from "../format.ts";
import { byBadness, metricsPath, servicesOf } from "../model.ts";
import { serviceColumns, serviceHref } from "../service-table.tsx";
import { Card, Empty, Filter, Head, type Shown, Table, Trouble } from "../shell.tsx";

export function Services({ place, range, paused, resources }: Shown) {
  const { data, error } = useLive<MetricsResponse>(
    () => metricsPath(range, "callee", Date.now() / 1000, false),
    `services ${range.name}`,
    paused,
  );
  const find = place.query["find"] ?? "";
  const totals = new Map(data?.groups.map(({ labels, total }) => [labels.callee ?? "", total]));
  const names = new Set([...servicesOf(resources ?? []), ...totals.keys()].filter((name) => name.includes(find)));
  names.delete("");
  const rows = [...names]
    .map((name) => ({ name, total: totals.get(name) }))
    .toSorted((a, b) => (a.total && b.total ? byBadness(a.total, b.total) : Number(!a.total) - Number(!b.total)));
  return (
    <>
      <Head title="Services" sub={plural(rows.length, "service")} command="selvedge get services" />
      <Trouble error={error} />
      <Card>
        <Filter place={place} label="Find a service" />
        <Table
          rows={rows}
          columns={serviceColumns}
          keyOf={({ name }) => name}
          href={serviceHref(place)}
          place={place}
          empty={
            find ? (
              <Empty>No service has “{find}” in its name.</Empty>
            ) : (
              <Empty command="selvedge apply -f examples/shop">
                There is no service yet. Apply some configuration.
              </Empty>
            )
          }
        />
      </Card>
    </>
  );
}
