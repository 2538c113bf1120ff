/** What is recorded of a rule's requests. */
import type { AccessLog } from "../telemetry/access-log.ts";
import { thresholdOf } from "../telemetry/sampling.ts";

export type Telemetry = {
  readonly tracing: Tracing;
  /** Absent where no request has a line. */
  readonly accessLog?: AccessLog;
};

export type Tracing = {
  /** Of consistent probability sampling, 14 hexadecimal digits; absent where nothing is sampled. */
  readonly threshold?: string;
  readonly keepErrors: boolean;
  /** Milliseconds. */
  readonly keepSlowerMs?: number;
};

/** Where no policy says otherwise: one trace in a hundred, and what fails. */
export const DEFAULT_TELEMETRY: Telemetry = { tracing: { threshold: thresholdOf(0.01)!, keepErrors: true } };

export type Kept = "error" | "slow" | "upstream";

/**
 * Why a request is recorded though it was not sampled; undefined where it is not. `upstreamKept`: what answered it has recorded its own part, and says so.
 * `ms` is the time to its response's headers.
 */
export function keptFor(
  { keepErrors, keepSlowerMs }: Tracing,
  status: number,
  ms: number,
  upstreamKept: boolean,
): Kept | undefined {
  if (keepErrors && status >= 500) return "error";
  if (keepSlowerMs !== undefined && ms > keepSlowerMs) return "slow";
  return upstreamKept ? "upstream" : undefined;
}
