/** What was applied, when and by whom; what differs between epochs; and the way back. */
import { useEffect, useState } from "preact/hooks";
import type { ChangeResponse, HistoryResponse } from "../../mesh/api.ts";
import { unifiedDiff } from "../../mesh/line-diff.ts";
import { keyOf, titleOf } from "../../mesh/resources/resource.ts";
import { resourceYaml } from "../../mesh/resources/to-yaml.ts";
import { ask, useLive } from "../api.ts";
import { ago, plural } from "../format.ts";
import { type Condition, conditionsOf, type Difference, differences, inOrder, isBad } from "../model.ts";
import { altered } from "../place.ts";
import { Card, Empty, Filter, Head, Pill, type Shown, Table, Trouble } from "../shell.tsx";

export function Configuration({ place, paused, edges, resources = [] }: Shown) {
  const epoch = edges?.epoch;
  const history = useLive<HistoryResponse>("/v1/history?limit=50", `history ${epoch}`, paused, 5000);
  const find = place.query["find"] ?? "";
  const [from, to] = [Number(place.query["from"]), Number(place.query["to"])];
  const rows = inOrder(resources).filter((resource) => titleOf(resource).includes(find));
  return (
    <>
      <Head
        title="Configuration"
        sub={epoch === undefined ? "Asking control…" : `Epoch ${epoch}, ${plural(resources.length, "resource")}`}
        command={from && to ? `selvedge rollback ${from} --dry-run` : "selvedge history"}
      />
      <Trouble error={history.error} />
      {from > 0 && to > 0 && epoch !== undefined && (
        <Diff
          key={`${from} ${to} ${epoch}`}
          from={from}
          to={to}
          close={altered(place, { from: undefined, to: undefined })}
        />
      )}
      <Card title="History" id="history">
        <Table
          rows={history.data?.items ?? []}
          keyOf={(entry) => String(entry.epoch)}
          empty={<Empty command="selvedge apply -f examples/shop">Nothing has been applied yet.</Empty>}
          columns={[
            {
              title: "Epoch",
              cell: (entry) => (
                <span class="named">
                  <b>{entry.epoch}</b> {entry.epoch === epoch && <Pill tone="good">in force</Pill>}
                </span>
              ),
            },
            {
              title: "When",
              cell: ({ at }) => <span title={new Date(at).toISOString()}>{ago(Date.now() - at)} ago</span>,
            },
            { title: "Who", cell: ({ author }) => author || "–" },
            { title: "Why", cell: ({ message }) => message || "–" },
            { title: "Changed", cell: ({ created, configured, deleted }) => `+${created} ~${configured} −${deleted}` },
            {
              title: "",
              cell: (entry) => (
                <span class="actions">
                  {entry.epoch > 1 && (
                    <a class="button" href={altered(place, { from: String(entry.epoch - 1), to: String(entry.epoch) })}>
                      Diff
                    </a>
                  )}
                  {epoch !== undefined && entry.epoch < epoch && <Rollback to={entry.epoch} epoch={epoch} />}
                </span>
              ),
            },
          ]}
        />
      </Card>
      <Card title="Resources" note={rows.length || ""} id="resources">
        <Filter place={place} label="Find a resource" />
        <Table
          rows={rows}
          keyOf={keyOf}
          place={place}
          empty={
            find ? (
              <Empty>No resource has “{find}” in its name.</Empty>
            ) : (
              <Empty command="selvedge apply -f examples/shop">There are no resources yet.</Empty>
            )
          }
          columns={[
            {
              title: "Resource",
              cell: (resource) => (
                <details>
                  <summary>{titleOf(resource)}</summary>
                  <pre>{resourceYaml(resource)}</pre>
                </details>
              ),
            },
            {
              title: "Status",
              cell: (resource) => {
                const conditions = conditionsOf(resource);
                const bad = conditions.filter(isBad);
                if (conditions.length === 0) return <span class="note">none</span>;
                if (bad.length === 0) return <Pill tone="good">{holding(conditions).join(" · ")}</Pill>;
                return bad.map(({ type, reason, message }) => (
                  <div key={type}>
                    <Pill tone="warn">{reason ?? type}</Pill> {message}
                  </div>
                ));
              },
            },
          ]}
        />
      </Card>
    </>
  );
}

/** What holds, once; that a fault is absent is not worth a word. */
const holding = (conditions: readonly Condition[]): string[] => [
  ...new Set(conditions.filter(({ status }) => status === "True").map(({ type }) => type)),
];

/** Asked twice: a click too many must not change a mesh. Refused if another epoch came into force since the page was drawn. */
function Rollback({ to, epoch }: { to: number; epoch: number }) {
  const [step, setStep] = useState<"idle" | "asking" | "going">("idle");
  const [error, setError] = useState<string>();
  const roll = async (): Promise<void> => {
    setStep("going");
    try {
      const body = { to, author: "dashboard", message: `Rollback to epoch ${to}` };
      await ask<ChangeResponse>("POST", "/v1/rollback", body, epoch);
      setError(undefined);
    } catch (thrown) {
      setError((thrown as Error).message);
    }
    setStep("idle");
  };
  if (step === "idle")
    return (
      <>
        <button type="button" onClick={() => setStep("asking")}>
          Roll back…
        </button>
        {error && <span class="trouble">{error}</span>}
      </>
    );
  return (
    <span class="confirm" role="alertdialog" aria-label="Confirm the rollback">
      Every edge gets epoch {to}'s resources.
      <button type="button" class="danger" disabled={step === "going"} onClick={() => void roll()}>
        {step === "going" ? "Rolling back…" : `Roll back to ${to}`}
      </button>
      <button type="button" onClick={() => setStep("idle")}>
        Keep {epoch}
      </button>
    </span>
  );
}

/** What a rollback to each of the two would change tells what lies between them. */
function Diff({ from, to, close }: { from: number; to: number; close: string }) {
  const [found, setFound] = useState<readonly Difference[]>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const dryRun = (epoch: number) => ask<ChangeResponse>("POST", "/v1/rollback", { to: epoch, dryRun: true });
    Promise.all([dryRun(from), dryRun(to)])
      .then(([a, b]) => setFound(differences(a.results, b.results)))
      .catch(setError);
  }, []);
  return (
    <Card title={`Epoch ${from} → ${to}`} id="diff" note={<a href={close}>close</a>}>
      {error && <p class="trouble">{error.message}</p>}
      {!found && !error && <p class="note">Comparing…</p>}
      {found?.length === 0 && <p class="fine">These epochs have the same resources.</p>}
      {found?.map(({ title, before, after }) => (
        <details key={title} open={found.length <= 10}>
          <summary>
            {title}{" "}
            <Pill tone={before ? (after ? "quiet" : "bad") : "good"}>
              {before ? (after ? "changed" : "deleted") : "created"}
            </Pill>
          </summary>
          <pre class="diff">
            {unifiedDiff(
              before ? resourceYaml(before) : "",
              after ? resourceYaml(after) : "",
              `epoch ${from}`,
              `epoch ${to}`,
            )
              .trimEnd()
              .split("\n")
              .slice(2)
              .map((line, index) => (
                <span key={index} class={{ "+": "added", "-": "removed", "@": "hunk" }[line[0] ?? ""]}>
                  {line}
                  {"\n"}
                </span>
              ))}
          </pre>
        </details>
      ))}
    </Card>
  );
}
