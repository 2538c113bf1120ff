/**
 * Consistent probability sampling (OpenTelemetry, "TraceState: Probability Sampling"): a trace is sampled where its randomness R is at least the threshold T,
 * both of 56 bits, so that hops of different rates keep the same traces, and the lower rate a part of those of the higher.
 * Both are written as 14 hexadecimal digits, which compare as texts as they do as numbers.
 */
import type { Member } from "./trace-context.ts";

const DIGITS = 14;
const VENDOR = "ot";

/** T of a share of traces, 0 to 1; undefined where it is none of them. */
export function thresholdOf(share: number): string | undefined {
  if (!(share > 0)) return undefined;
  const threshold = Math.min(Math.max(1 - share, 0) * 2 ** 56, 2 ** 56 - 8);
  return Math.round(threshold).toString(16).padStart(DIGITS, "0");
}

/** How many traces one that was sampled at `threshold` stands for. */
export const adjustedCount = (threshold: string): number => 2 ** 56 / (2 ** 56 - Number.parseInt(threshold, 16));

export type Sampling = {
  readonly sampled: boolean;
  /** At which it was sampled, 14 digits; undefined where it was not, or nobody knows. */
  readonly threshold: string | undefined;
  /** The `ot` member to send on; undefined for none. */
  readonly vendor: string | undefined;
};

/**
 * What the caller sampled is sampled; beyond that, what R lets through at `own`, the threshold of this hop. `sampled` is the caller's decision, undefined where
 * it left that to us. A threshold that contradicts the caller's decision is dropped, as the specification asks.
 */
export function sample(
  traceId: string,
  sampled: boolean | undefined,
  state: readonly Member[],
  own: string | undefined,
): Sampling {
  const given = state.find(([key]) => key === VENDOR)?.[1];
  const parts = given === undefined ? NONE : partsOf(given);
  const randomness = digits(parts.get("rv"), (text) => text.length === DIGITS) ?? traceId.slice(-DIGITS);
  const stated = digits(parts.get("th"), (text) => text.length <= DIGITS)?.padEnd(DIGITS, "0");
  const theirs = sampled === true && stated !== undefined && randomness >= stated ? stated : undefined;
  const mine = own !== undefined && randomness >= own ? own : undefined;
  const isSampled = sampled === true || mine !== undefined;
  // Of one that the caller sampled at a rate that nobody knows, ours would say too little.
  const threshold =
    sampled === true ? (theirs !== undefined && mine !== undefined && mine < theirs ? mine : theirs) : mine;
  return {
    sampled: isSampled,
    threshold,
    vendor: given === undefined && !threshold ? undefined : vendorOf(parts, threshold),
  };
}

const NONE: ReadonlyMap<string, string> = new Map();

const partsOf = (vendor: string): ReadonlyMap<string, string> =>
  new Map(
    vendor.split(";").map((part): [string, string] => {
      const colon = part.indexOf(":");
      return colon === -1 ? [part, ""] : [part.slice(0, colon), part.slice(colon + 1)];
    }),
  );

const digits = (text: string | undefined, fits: (text: string) => boolean): string | undefined =>
  text !== undefined && /^[0-9a-f]+$/.test(text) && fits(text) ? text : undefined;

/** What stood there, with the threshold as it is now: without its trailing zeros, all but one. */
function vendorOf(parts: ReadonlyMap<string, string>, threshold: string | undefined): string | undefined {
  const others = [...parts].filter(([key]) => key !== "th").map(([key, value]) => `${key}:${value}`);
  const all = threshold === undefined ? others : [`th:${threshold.replace(/0+$/, "") || "0"}`, ...others];
  return all.length === 0 ? undefined : all.join(";");
}
