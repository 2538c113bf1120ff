import type { Cause } from "../../mesh/denial.ts";
import type { Outcome } from "../../mesh/outcome.ts";
import { type Call, Denied } from "./layer.ts";

/** Reasons of an abort that is not the upstream's doing. As a signal's reason, one reaches every copy of the call. */
export const CALLERS_TIME_IS_UP = new Error("the caller's own time is up");
export const OUTRUN = new Error("another copy of the call was answered first");

/** The caller has left, or need not wait any more: what becomes of the call says nothing of the upstream. */
export const isGivenUp = ({ request, signal }: Call): boolean =>
  request.signal.aborted || signal?.reason === CALLERS_TIME_IS_UP || signal?.reason === OUTRUN;

/** What a call says of its upstream, decided at the headers; `result` is the response's status, or what was thrown instead of a response. */
export function outcomeOf(call: Call, result: unknown): Outcome {
  if (isGivenUp(call)) return "ignored";
  if (typeof result === "number") return result >= 500 ? "failed" : "ok";
  if (result instanceof Denied) return UPSTREAM_FAILURES.has(result.denial.cause) ? "failed" : "ignored";
  // The caller is still there, so the abort is a deadline's, and the error only its echo.
  return call.signal?.aborted ? "failed" : "ignored";
}

/** Any other denial from below is the mesh's own doing. */
const UPSTREAM_FAILURES: ReadonlySet<Cause> = new Set([
  "upstream-unreachable",
  "upstream-invalid",
  "retries-exhausted",
  "deadline-exceeded",
]);
