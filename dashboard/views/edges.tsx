/** Edges, and which epoch each runs. */
import type { EdgeStatus } from "../../mesh/api.ts";
import { standingOf } from "../../mesh/fleet.ts";
import { ago, plural } from "../format.ts";
import { Card, type Column, Empty, Filter, Head, Pill, type Shown, Table } from "../shell.tsx";

const REFUSED: Column<EdgeStatus> = {
  title: "Refused",
  cell: ({ nack }) => (nack ? `epoch ${nack.epoch}: ${nack.reason}` : ""),
};
const TONES = { synced: "good", stale: "warn", refused: "bad" } as const;

export function Edges({ place, edges }: Shown) {
  const find = place.query["find"] ?? "";
  const rows = (edges?.edges ?? []).filter(({ name, id, colo }) => `${name} ${id} ${colo}`.includes(find));
  const standing = (edge: EdgeStatus) => standingOf(edge, edges!); // rows come from it
  const behind = rows.filter((edge) => standing(edge) !== "synced").length;
  const sub = edges
    ? `Epoch ${edges.epoch} is in force; ${plural(rows.length - behind, "edge")} of ${rows.length} run it`
    : "Asking control…";
  return (
    <>
      <Head title="Edges" sub={sub} command="selvedge proxy-status" />
      <Card>
        <Filter place={place} label="Find an edge" />
        <Table
          rows={rows}
          keyOf={({ id }) => id}
          place={place}
          empty={
            find ? (
              <Empty>No edge has “{find}” in its name.</Empty>
            ) : (
              <Empty command="curl http://127.0.0.1:8787/~catalog.shop/items">
                No edge has reported in within the last minute: edges do when they have traffic. Send a request through
                one.
              </Empty>
            )
          }
          columns={[
            { title: "Name", cell: ({ name }) => name },
            { title: "Colo", cell: ({ colo }) => colo },
            { title: "Isolate", cell: ({ id }) => <code>{id.slice(0, 12)}</code> },
            { title: "Epoch", number: true, cell: ({ epoch }) => epoch },
            { title: "Status", cell: (edge) => <Pill tone={TONES[standing(edge)]}>{standing(edge)}</Pill> },
            { title: "Source", cell: ({ source }) => source },
            { title: "Heard", number: true, cell: ({ ageMs }) => `${ago(ageMs)} ago` },
            // Only when there is something to read, as the command does.
            ...(rows.some(({ nack }) => nack) ? [REFUSED] : []),
          ]}
        />
      </Card>
    </>
  );
}
