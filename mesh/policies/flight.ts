/**
 * Requests for the same that wait for one answer. One of them asks the upstream, the others look again and again at what has become of it:
 * plain data, since no request of an isolate may wait for another's promise.
 */
import type { Denial } from "../denial.ts";

export type Flight = {
  /** Whoever flies it was cut off if it has not landed by then; landed, what it says counts until then. Milliseconds since 1970. */
  until: number;
  landed: Landed | undefined;
};

export type Landed =
  /** The answer is on the shelf. */
  | { readonly kind: "kept" }
  /** The answer is nobody else's: for a while, everyone asks alone. */
  | { readonly kind: "alone" }
  /** There is no answer: the upstream's status, or why the mesh has none; absent where that was the request's own doing. */
  | { readonly kind: "failed"; readonly why?: number | Denial };

/** What outlives its response has 30 s. */
const LONGEST_MS = 25_000;
const ALONE_MS = 10_000;
/** For how long after a failure an upstream counts as failing. */
export const FAILING_MS = 10_000;

export const takeOff = (now: number): Flight => ({ until: now + LONGEST_MS, landed: undefined });

export function land(flight: Flight, landed: Landed, now: number): void {
  flight.landed = landed;
  flight.until = landed.kind === "alone" ? now + ALONE_MS : now;
}

/** What a request does that comes upon `flight`: asks in everyone's place, waits, or asks for itself alone. */
export function boarding(flight: Flight | undefined, now: number): "lead" | "follow" | "alone" {
  if (!flight || now >= flight.until) return "lead";
  return flight.landed ? "alone" : "follow";
}

/** How long to wait before the `looks`-th look, in milliseconds. */
export const pauseBefore = (looks: number): number => Math.min(2 ** looks, 20);
