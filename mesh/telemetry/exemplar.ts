/** Requests that stand for a bucket of a latency histogram: by their traces one sees why they took so long. */
import { bucketOf } from "../histogram.ts";
import type { Labels } from "./series.ts";

/** What latencies are told apart by. */
export type LatencyLabels = Pick<Labels, "caller" | "callee" | "route" | "class">;

export type Exemplar = {
  readonly labels: LatencyLabels;
  readonly ms: number;
  /** Of a trace that was recorded. */
  readonly traceId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** By series and bucket, the latest of each; the one that was replaced longest ago first. */
export type Exemplars = Map<string, Exemplar>;

export const latencyLabels = ({ caller, callee, route, class: status }: LatencyLabels): LatencyLabels => ({
  caller,
  callee,
  route,
  class: status,
});

/** Keeps `most` of them at most. */
export function keepExemplar(exemplars: Exemplars, exemplar: Exemplar, most: number): void {
  const { caller, callee, route, class: status } = exemplar.labels;
  const key = `${caller} ${callee} ${route} ${status} ${bucketOf(exemplar.ms)}`;
  exemplars.delete(key);
  exemplars.set(key, exemplar);
  if (exemplars.size > most) for (const oldest of exemplars.keys()) if (exemplars.delete(oldest)) break;
}
