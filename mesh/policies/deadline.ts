/**
 * How long a caller waits, as it says it on the wire, and as the mesh says it on. What travels is the time that is left and not a
 * time of day: no two clocks need agree. A caller can only shorten what the mesh allows, so that any caller is believed.
 */
import { TRAVELLING_HEADERS } from "../headers.ts";

type Header = (name: string) => string | null;

/** Envoy's header for the time that the caller waits, in milliseconds. */
const ENVOY = "x-envoy-expected-rq-timeout-ms";
/** gRPC's (PROTOCOL-HTTP2, "Timeout"): at most eight digits and a unit. */
const GRPC = "grpc-timeout";

const GRPC_UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const MOST_GRPC = 99_999_999;

/**
 * The milliseconds that the caller still waits, the least of those that its headers name; undefined when it names none. 0 or less than a
 * millisecond means that its time is up. What is no time is not heard.
 */
export function timeAllowed(header: Header): number | undefined {
  const own = header(TRAVELLING_HEADERS.timeout);
  const envoy = header(ENVOY);
  const grpc = header(GRPC);
  if (own === null && envoy === null && grpc === null) return undefined;
  const least = Math.min(milliseconds(own), milliseconds(envoy), grpcMilliseconds(grpc));
  return least === Infinity ? undefined : least;
}

/** Whole milliseconds; anything else does not bound. */
const milliseconds = (text: string | null): number =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : Infinity;

function grpcMilliseconds(text: string | null): number {
  const [, count, unit] = /^(\d{1,8})([HMSmun])$/.exec(text ?? "") ?? [];
  return count === undefined ? Infinity : Number(count) * GRPC_UNIT_MS[unit!]!; // the pattern's units
}

/** What the upstream is told: `leftMs` more milliseconds, more than 0. gRPC's header is set for those who sent it alone. */
export function timeHeaders(leftMs: number, header: Header): readonly (readonly [name: string, value: string])[] {
  const text = String(Math.ceil(leftMs));
  return [
    [TRAVELLING_HEADERS.timeout, text],
    [ENVOY, text],
    ...(header(GRPC) === null ? [] : [[GRPC, grpcText(leftMs)] as const]),
  ];
}

const grpcText = (ms: number): string =>
  ms <= MOST_GRPC ? `${Math.ceil(ms)}m` : `${Math.min(MOST_GRPC, Math.ceil(ms / 1000))}S`;
