/** Breakers and what the fleet's objects say of them. */
import type { BreakersResponse, BreakerStatus } from "../mesh/api.ts";
import { ago } from "./format.ts";
import { Dot, Empty, Table } from "./shell.tsx";

/** Each look is one call to an object for each breaker. */
export const breakersEvery = (known: BreakersResponse | undefined): number =>
  (known?.items.length ?? 0) <= 50 ? 2000 : 15_000;

export const isTroubled = ({ kind, state, openIn, held }: BreakerStatus): boolean =>
  held?.to === "open" || openIn !== undefined || (state !== "closed" && kind === "breaker");

function said({ state, openIn, callers, held }: BreakerStatus): string {
  if (held) return `${state}, held ${held.to} for ${ago(held.forMs)}`;
  return openIn ? `${state}, open in ${openIn.length} of ${callers} isolates` : state;
}

export const Breakers = ({ items, empty }: { items: readonly BreakerStatus[]; empty: string }) => (
  <Table
    rows={items}
    keyOf={({ circuit }) => circuit}
    empty={<Empty>{empty}</Empty>}
    columns={[
      {
        title: "Breaker",
        cell: ({ circuit, state }) => (
          <span class="named">
            <Dot health={state} />
            {circuit}
          </span>
        ),
      },
      { title: "State", cell: said },
      {
        title: "Next probe",
        number: true,
        cell: ({ forMs }) => (forMs === undefined ? "" : `in ${(forMs / 1000).toFixed(1)} s`),
      },
      { title: "Trips", number: true, cell: ({ trips }) => trips ?? "" },
    ]}
  />
);
