/** Services with their golden signals: linkerd's columns. */
import { milliseconds, percent, rate } from "./format.ts";
import { healthOf, type Point } from "./model.ts";
import { hrefOf, type Place } from "./place.ts";
import { type Column, Dot } from "./shell.tsx";

export type ServiceRow = { readonly name: string; readonly total: Point | undefined };

export const serviceColumns: readonly Column<ServiceRow>[] = [
  {
    title: "Service",
    cell: ({ name, total }) => (
      <span class="named">
        <Dot health={total ? healthOf(total) : "idle"} />
        {name}
      </span>
    ),
  },
  {
    title: "Success",
    number: true,
    cell: ({ total }) => (total ? percent(total.requests - total.errors, total.requests) : "–"),
  },
  { title: "RPS", number: true, cell: ({ total }) => (total ? rate(total.rate) : "–") },
  { title: "P50", number: true, cell: ({ total }) => (total ? milliseconds(total.p50) : "–") },
  { title: "P95", number: true, cell: ({ total }) => (total ? milliseconds(total.p95) : "–") },
  { title: "P99", number: true, cell: ({ total }) => (total ? milliseconds(total.p99) : "–") },
];

export const serviceHref =
  (place: Place) =>
  ({ name }: { readonly name: string }): string =>
    hrefOf("service", { name }, place);
