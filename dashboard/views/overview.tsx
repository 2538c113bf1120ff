/** How the mesh is, and what is wrong now. */
import type { BreakersResponse, CheckResponse, MetricsResponse } from "../../mesh/api.ts";
import { standingOf } from "../../mesh/fleet.ts";
import { titleOf } from "../../mesh/resources/resource.ts";
import { useLive } from "../api.ts";
import { Breakers, breakersEvery, isTroubled } from "../breakers.tsx";
import { ago, percent, plural } from "../format.ts";
import { byBadness, conditionsOf, healthOf, isBad, metricsPath, nameOf } from "../model.ts";
import { hrefOf } from "../place.ts";
import { serviceColumns, serviceHref } from "../service-table.tsx";
import { Card, Empty, Head, Pill, type Shown, Table, Trouble } from "../shell.tsx";
import { Signals } from "../signals.tsx";

const WORST = 8;

export function Overview({ place, range, paused, edges, resources, theme }: Shown & { theme: string }) {
  const now = (): number => Date.now() / 1000;
  const mesh = useLive<MetricsResponse>(() => metricsPath(range, "", now(), true), `mesh ${range.name}`, paused);
  const services = useLive<MetricsResponse>(
    () => metricsPath(range, "callee", now(), false),
    `services ${range.name}`,
    paused,
  );
  const breakers = useLive<BreakersResponse>("/v1/breakers", "breakers", paused);
  const checks = useLive<CheckResponse>("/v1/check", "check", paused, 10_000);

  const worst = (services.data?.groups ?? [])
    .map(({ labels, total }) => ({ name: labels.callee ?? "", total }))
    .filter(({ name }) => name !== "")
    .toSorted((a, b) => byBadness(a.total, b.total));
  const failing = worst.filter(({ total }) => healthOf(total) !== "healthy" && total.requests > 0);
  const open = (breakers.data?.items ?? []).filter(isTroubled);
  const behind = (edges?.edges ?? []).filter((edge) => standingOf(edge, edges!) !== "synced");
  const faults = (resources ?? []).flatMap((resource) =>
    conditionsOf(resource)
      .filter(isBad)
      .map((condition) => ({ resource, condition })),
  );
  const failed = (checks.data?.checks ?? []).filter(({ result }) => result !== "success");
  const wrong = failing.length + open.length + behind.length + faults.length + failed.length;
  const known = services.data && breakers.data && edges && resources && checks.data;

  return (
    <>
      <Head
        title="Overview"
        sub={edges ? `Epoch ${edges.epoch}, ${plural(edges.edges.length, "edge")} reporting` : "Asking control…"}
        command="selvedge check"
      />
      <Trouble error={mesh.error ?? services.error ?? breakers.error ?? checks.error} />
      <Signals metrics={mesh.data} theme={theme} />
      <Card title="Wrong now" id="wrong" note={known ? (wrong === 0 ? "" : plural(wrong, "thing")) : "looking…"}>
        {known && wrong === 0 && (
          <p class="fine">Nothing. Services answer, breakers are closed, edges run epoch {edges.epoch}.</p>
        )}
        <ul class="faults">
          {open.map(({ circuit, state, forMs }) => (
            <li key={circuit}>
              <Pill tone={state === "open" ? "bad" : "warn"}>breaker {state}</Pill>
              <span>
                <b>{circuit}</b> {forMs !== undefined && `– next probe in ${(forMs / 1000).toFixed(1)} s`}
              </span>
            </li>
          ))}
          {failing.slice(0, WORST).map(({ name, total }) => (
            <li key={name}>
              <Pill tone={healthOf(total) === "failing" ? "bad" : "warn"}>{healthOf(total)}</Pill>
              <span>
                <a href={hrefOf("service", { name }, place)}>{name}</a> – {percent(total.errors, total.requests)} of{" "}
                {plural(total.requests, "request")} answered 5xx
              </span>
            </li>
          ))}
          {behind.map((edge) => (
            <li key={edge.id}>
              <Pill tone="warn">edge {standingOf(edge, edges!)}</Pill>
              <span>
                <a href={hrefOf("edges", {}, place)}>{edge.name}</a> – runs epoch {edge.epoch}, heard {ago(edge.ageMs)}{" "}
                ago
                {edge.nack && `: ${edge.nack.reason}`}
              </span>
            </li>
          ))}
          {faults.slice(0, WORST).map(({ resource, condition }) => (
            <li key={`${titleOf(resource)} ${condition.type} ${condition.message}`}>
              <Pill tone="warn">{condition.reason ?? condition.type}</Pill>
              <span>
                <a href={hrefOf("configuration", { find: nameOf(resource) }, place)}>{titleOf(resource)}</a> –{" "}
                {condition.message}
              </span>
            </li>
          ))}
          {failed.map(({ category, description, error, hint, result }) => (
            <li key={description}>
              <Pill tone={result === "error" ? "bad" : "warn"}>{category}</Pill>
              <span>
                {description}
                {error && ` – ${error}`} {hint && <span class="note">{hint}</span>}
              </span>
            </li>
          ))}
        </ul>
      </Card>
      <div class="two">
        <Card title="Services, worst first" note={<a href={hrefOf("services", {}, place)}>all {worst.length}</a>}>
          <Table
            rows={worst.slice(0, WORST)}
            columns={serviceColumns}
            keyOf={({ name }) => name}
            href={serviceHref(place)}
            empty={<Empty command="selvedge routes">No service was called in this time.</Empty>}
          />
        </Card>
        <Card title="Breakers" note={breakersEvery(breakers.data) > 2000 ? "the troubled ones" : ""} id="breakers">
          <Breakers
            items={breakersEvery(breakers.data) > 2000 ? open : (breakers.data?.items ?? [])}
            empty="No breaker is configured. A TrafficPolicy with spec.breaker makes one."
          />
        </Card>
      </div>
    </>
  );
}
