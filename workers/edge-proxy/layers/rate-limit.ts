/**
 * Refuses calls beyond the limit. Tokens come leased from the limit's object, many at a time and ahead of need, so that a
 * request waits for the object only when this isolate holds none, and never for long.
 */
import { hexOf } from "../../../mesh/hex.ts";
import {
  arrive,
  ask,
  giveBack,
  giveShareBack,
  giveUp,
  type Holder,
  isAsking,
  isLow,
  newHolder,
  receive,
  spend,
  spendShare,
} from "../../../mesh/policies/rate-limit-holder.ts";
import type { KeyPart, RateLimit } from "../../../mesh/policies/rate-limit.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { remember, STATE_TIMEOUT_MS } from "../memory.ts";
import { within } from "../within.ts";

/** How often a request that waits for another's message looks for what it brought; promises are not shared. */
const LOOK_EVERY_MS = 10;
/** In bytes. */
const LONGEST_NAME = 256;

/** Every limit must admit the call. What the earlier ones gave is put back when a later one refuses. */
export const rateLimit: MakeLayer<"rate-limit"> =
  ({ limits }) =>
  (next) =>
  (call) => {
    const taken: (() => void)[] = [];
    // Nearly every call finds its tokens in this isolate, and then nothing here waits.
    for (const limit of limits) {
      const bucket = bucketName(limit, call);
      const named = typeof bucket === "string";
      const putBack = named ? take(call, limit, bucket, arrived(call, bucket)) : undefined;
      if (!putBack) return afterWaiting(next, call, limits, taken, named);
      taken.push(putBack);
    }
    return next(call);
  };

/** Waits for the limits that are not `taken` from yet. `counted`: the call is counted as demand of the first. When one refuses, all is put back. */
async function afterWaiting(
  next: Handler,
  call: Call,
  limits: readonly RateLimit[],
  taken: (() => void)[],
  counted: boolean,
): Promise<Response> {
  try {
    for (const [index, limit] of limits.slice(taken.length).entries()) {
      const bucket = await bucketName(limit, call);
      if (index > 0 || !counted) arrived(call, bucket);
      taken.push(await admit(call, limit, bucket));
    }
  } catch (error) {
    for (const putBack of taken) putBack();
    throw error;
  }
  return next(call);
}

/** Counts the call as demand, whether or not it will be admitted. */
function arrived(call: Call, bucket: string): Holder {
  const { memory, now } = call.outside;
  return remember(memory.holders, bucket, arrive(holderOf(call, bucket), now()));
}

/** Takes one token if this isolate holds one, and tells how to put it back. */
function take(call: Call, limit: RateLimit, bucket: string, holder: Holder): (() => void) | undefined {
  const { later, memory, now } = call.outside;
  const at = now();
  const spent = spend(holder, at);
  if (!spent) return undefined;
  remember(memory.holders, bucket, spent);
  if (isLow(spent, at)) later(refresh(call, limit, bucket, spent));
  return () => {
    const known = memory.holders.get(bucket);
    if (known?.id === spent.id) remember(memory.holders, bucket, giveBack(known, spent.turn));
  };
}

/** Takes one token, waiting for the object if need be, and tells how to put it back. Throws Denied when there is none to be had. */
async function admit(call: Call, limit: RateLimit, bucket: string): Promise<() => void> {
  const { later, now } = call.outside;
  const started = now();
  for (;;) {
    const at = now();
    const holder = holderOf(call, bucket);
    const putBack = take(call, limit, bucket, holder);
    if (putBack) return putBack;
    if (holder.failures > 0 || at - started >= STATE_TIMEOUT_MS) {
      if (at >= holder.askAt && !isAsking(holder, at)) later(refresh(call, limit, bucket, holder));
      return standIn(call, limit, bucket);
    }
    if (at < holder.askAt) throw new Denied({ cause: "rate-limited", retryAfterMs: holder.askAt - at });
    if (isAsking(holder, at)) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    else await refresh(call, limit, bucket, holder);
  }
}

function holderOf({ outside: { memory, now } }: Call, bucket: string): Holder {
  const { holders } = memory;
  return holders.get(bucket) ?? remember(holders, bucket, newHolder(`${memory.id}.${++memory.seq}`, now()));
}

/** One message to the object. Never fails: no reply in time is an answer as well. */
async function refresh(call: Call, limit: RateLimit, bucket: string, holder: Holder): Promise<void> {
  const { heard, memory, now, random, rateLimit: object } = call.outside;
  const { requests, windowMs, burst } = limit;
  const asked = ask(holder, now(), STATE_TIMEOUT_MS);
  remember(memory.holders, bucket, asked.holder);
  const asking = async () =>
    object(bucket).lease({ ...asked.message, epoch: call.pinned.epoch, limit: { requests, windowMs, burst } });
  const reply = await within(asking(), STATE_TIMEOUT_MS).catch(() => undefined);
  const known = memory.holders.get(bucket);
  if (reply) heard(reply.epoch);
  // Forgotten meanwhile, and perhaps begun anew: the tokens lapse unspent.
  if (known?.id !== holder.id) return;
  const { seq } = asked.message;
  remember(memory.holders, bucket, reply ? receive(known, seq, reply, now()) : giveUp(known, seq, now(), random()));
}

/** What the policy says to do while the object cannot be asked. */
function standIn(call: Call, limit: RateLimit, bucket: string): () => void {
  const { memory, now } = call.outside;
  const holder = holderOf(call, bucket);
  call.standIn = "rate-limit";
  switch (limit.onUnavailable) {
    case "allow":
      return () => {};
    case "deny":
      throw new Denied({ cause: "limiter-unavailable", retryAfterMs: Math.max(0, holder.askAt - now()) });
    case "share": {
      const { holder: after, retryAfterMs } = spendShare(holder, limit, now());
      remember(memory.holders, bucket, after);
      if (retryAfterMs > 0) throw new Denied({ cause: "rate-limited", retryAfterMs });
      return () => void remember(memory.holders, bucket, giveShareBack(holderOf(call, bucket)));
    }
  }
}

/**
 * Names the object. The values are joined as JSON, so that no two lists of them give one name. Callers choose header
 * values, so a long name is replaced by a hash for which they cannot make up a second preimage.
 */
function bucketName({ name, key }: RateLimit, call: Call): string | Promise<string> {
  const whole = `${name}/${JSON.stringify(key.map((part) => valueOf(part, call)))}`;
  // Three bytes a code unit at most: nearly every name is short enough without being encoded.
  if (whole.length * 3 <= LONGEST_NAME) return whole;
  const bytes = encoder.encode(whole);
  return bytes.length <= LONGEST_NAME ? whole : hashed(bytes);
}

async function hashed(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256:${hexOf(hash)}`;
}

const encoder = new TextEncoder();

/** A header that is missing counts as empty; clients whose address is not known share one bucket. */
const valueOf = (part: KeyPart, { client, request }: Call): string =>
  part.type === "ClientAddress" ? client : (request.headers.get(part.name) ?? "");
