/** A limit made ready for the calls of its route: whom it does not count, what a call takes of it, and which bucket it takes it from. */
import { hexOf } from "../../mesh/hex.ts";
import { circumstancesOf, fact } from "../../mesh/policies/authorize-clause.ts";
import { quantity } from "../../mesh/policies/condition.ts";
import { type Fields, fieldsOf } from "../../mesh/policies/rate-limit-fields.ts";
import { keyReader } from "../../mesh/policies/rate-limit-key.ts";
import type { Limit, RateLimit } from "../../mesh/policies/rate-limit.ts";
import { tell } from "./findings.ts";
import type { Call } from "./layer.ts";

export type ReadyLimit = {
  readonly limit: RateLimit;
  /** What its object is told of it. */
  readonly terms: Limit;
  readonly fields: Fields;
  readonly isExempt: (call: Call) => boolean;
  /** NaN for a body that does not say how long it is. */
  readonly costOf: (call: Call) => number;
  /** Names the object; a promise only of a name that is long. */
  readonly bucketOf: (call: Call) => string | Promise<string>;
};

/** Of a key's values, in bytes. */
const LONGEST_VALUES = 256;

/** Throws an Error for what this edge cannot go by. */
export function readyLimit(limit: RateLimit): ReadyLimit {
  const { requests, windowMs, burst, credit, exempt = [] } = limit;
  const exemptions = exempt.map((clause) => fact(clause, { action: "ALLOW", trustedProxies: 0 }));
  return {
    limit,
    terms: { requests, windowMs, burst, ...(credit !== undefined && { credit }) },
    fields: fieldsOf(limit),
    isExempt: exemptions.length === 0 ? never : (call) => exemptions.some(({ holds }) => holds(call)),
    costOf: costReader(limit),
    bucketOf: namer(limit),
  };
}

const never = (): boolean => false;
const one = (): number => 1;

function costReader({ name, cost }: RateLimit): (call: Call) => number {
  if (cost === undefined) return one;
  if (cost.kind === "bytes") return bytesOf;
  const { of, readsHeaders } = quantity(cost.text);
  return (call) => {
    try {
      const value = of(circumstancesOf(call, readsHeaders));
      // Nothing is had for less than nothing.
      if (!Number.isNaN(value)) return Math.max(0, value);
    } catch {
      // Told below, as what is no number is.
    }
    tell(call, "rateLimit", `no-cost ${name}`, { effect: "no-cost", limit: name });
    return 1;
  };
}

function bytesOf({ body, request }: Call): number {
  if (body === null) return 0;
  const length = request.headers.get("content-length");
  return length === null ? NaN : Number(length);
}

/**
 * The values are joined as JSON, so that no two lists of them give one name. Callers choose header values, so long ones are
 * replaced by a hash for which they cannot make up a second preimage.
 */
function namer({ name, key }: RateLimit): (call: Call) => string | Promise<string> {
  if (key.length === 0) {
    const only = `${name}/[]`;
    return () => only;
  }
  const readers = key.map(keyReader);
  return (call) => {
    const values = JSON.stringify(readers.map((read) => read(call)));
    // Three bytes a code unit at most: nearly every name is short enough without being encoded.
    if (values.length * 3 <= LONGEST_VALUES) return `${name}/${values}`;
    const bytes = encoder.encode(values);
    return bytes.length <= LONGEST_VALUES ? `${name}/${values}` : hashed(name, bytes);
  };
}

async function hashed(name: string, values: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", values));
  return `${name}/sha256:${hexOf(hash)}`;
}

const encoder = new TextEncoder();
