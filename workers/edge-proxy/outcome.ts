import type { Cause } from "../../mesh/denial.ts";
import type { Outcome } from "../../mesh/outcome.ts";
import { type Call, Denied } from "./layer.ts";

/** What a call says of its upstream, decided at the headers; `result` is the response's status, or what was thrown instead of a response. */
export function outcomeOf(call: Call, result: unknown): Outcome {
  if (call.request.signal.aborted || call.abandoned) return "ignored";
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
