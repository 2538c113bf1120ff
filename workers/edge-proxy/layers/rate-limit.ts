/**
 * Refuses calls beyond the limit. Tokens come leased from the limit's object, many at a time and ahead of need, so that a
 * request waits for the object only when this isolate holds none, and never for long.
 */
import { serializeList } from "structured-headers";
import { hexOf } from "../../../mesh/hex.ts";
import {
  arrive,
  ask,
  giveUp,
  type Holder,
  isAsking,
  isDue,
  newHolder,
  receive,
  retryMs,
  spend,
  spendShare,
  type Standing,
  standing,
} from "../../../mesh/policies/rate-limit-holder.ts";
import { type Keyed, keyReader } from "../../../mesh/policies/rate-limit-key.ts";
import { capacityOf, type RateLimit } from "../../../mesh/policies/rate-limit.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { remember, STATE_TIMEOUT_MS } from "../memory.ts";
import { within } from "../within.ts";

/** How often a request that waits for another's message looks for what it brought; promises are not shared. */
const LOOK_EVERY_MS = 10;
/** Of a key, in bytes. */
const LONGEST_VALUES = 256;

/** One limit, as it stands towards this call. */
type Claim = { readonly limit: RateLimit; readonly bucket: string; readonly holder: Holder };

/** A limit made ready, once for all calls of its route. */
type Ready = { readonly limit: RateLimit; readonly key: readonly ((call: Keyed) => string)[] };

const readyLimit = (limit: RateLimit): Ready => ({ limit, key: limit.key.map(keyReader) });

/** Every limit must admit the call. All give their tokens in one breath, or none does. */
export const rateLimit: MakeLayer<"rate-limit"> = ({ limits }) => {
  const ready = limits.map(readyLimit);
  return (next) => (call) => {
    const claims: Claim[] = [];
    for (const one of ready) {
      const bucket = bucketName(one, call);
      if (typeof bucket !== "string") return afterNaming(next, call, ready);
      claims.push(claim(call, one.limit, bucket));
    }
    // Nearly every call finds its tokens in this isolate, and then nothing here waits.
    return take(call, claims) === undefined ? next(call) : afterWaiting(next, call, claims);
  };
};

async function afterNaming(next: Handler, call: Call, ready: readonly Ready[]): Promise<Response> {
  const buckets = await Promise.all(ready.map(async (one) => bucketName(one, call)));
  const claims = ready.map(({ limit }, index) => claim(call, limit, buckets[index]!));
  return take(call, claims) === undefined ? next(call) : afterWaiting(next, call, claims);
}

/** Counts the call as demand, whether or not it will be admitted. */
function claim({ outside: { memory, now } }: Call, limit: RateLimit, bucket: string): Claim {
  const holder =
    memory.holders.get(bucket) ?? remember(memory.holders, bucket, newHolder(`${memory.id}.${++memory.seq}`, now()));
  arrive(holder, 1, now());
  return { limit, bucket, holder };
}

/** Takes a token of each limit if all have one in hand; otherwise none, and tells which has not. */
function take(call: Call, claims: readonly Claim[]): { readonly claim: Claim; readonly found: Standing } | undefined {
  const now = call.outside.now();
  for (const one of claims) {
    const found = standing(one.holder, 1, now);
    if (found !== "tokens" && found !== "credit") return { claim: one, found };
  }
  for (const { holder } of claims) spend(holder, 1, standing(holder, 1, now) === "tokens" ? "tokens" : "credit");
  for (const one of claims) if (isDue(one.holder, now)) call.outside.later(refresh(call, one));
  return undefined;
}

/** Waits until every limit has a token in hand. Throws Denied when one has none to give. */
async function afterWaiting(next: Handler, call: Call, claims: readonly Claim[]): Promise<Response> {
  const { later, now } = call.outside;
  const until = now() + STATE_TIMEOUT_MS;
  /** Those whose object is away and whose policy lets the call pass nevertheless. */
  const standIns = new Set<Claim>();
  for (;;) {
    const lacking = take(
      call,
      claims.filter((one) => !standIns.has(one)),
    );
    if (!lacking) return next(call);
    const { claim: one, found } = lacking;
    const { holder } = one;
    const at = now();
    if (found === "away" || (found === "wait" && at >= until)) {
      if (at >= holder.askAt && !isAsking(holder, at)) later(refresh(call, one));
      standIn(call, one);
      standIns.add(one);
    } else if (found === "wait") {
      holder.waiting++;
      if (isAsking(holder, at)) await settled(call, holder, until);
      else await refresh(call, one);
    } else {
      holder.denied++;
      if (isDue(holder, at)) later(refresh(call, one));
      throw refusal(call, one, retryMs(holder, 1, at));
    }
  }
}

/** Until another request's message has been answered or given up. */
async function settled({ outside: { now } }: Call, holder: Holder, until: number): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  while (isAsking(holder, now()) && now() < until);
}

/** One message to the object. Never fails: no reply in time is an answer as well. */
async function refresh(call: Call, { limit, bucket, holder }: Claim): Promise<void> {
  const { heard, now, random, rateLimit: object } = call.outside;
  const { requests, windowMs, burst } = limit;
  const message = ask(holder, now());
  const asking = async () =>
    object(bucket).lease({ ...message, epoch: call.pinned.epoch, limit: { requests, windowMs, burst } });
  const reply = await within(asking(), holder.askingUntil - now()).catch(() => undefined);
  if (reply) heard(reply.epoch);
  if (reply) receive(holder, message.seq, reply, now(), random());
  else giveUp(holder, message.seq, now(), random());
}

/** What the policy says to do while the object cannot be asked. Throws Denied, or lets the call pass. */
function standIn(call: Call, one: Claim): void {
  const { limit, holder } = one;
  const now = call.outside.now();
  call.standIn = "rate-limit";
  switch (limit.onUnavailable) {
    case "allow":
      return;
    case "deny":
      throw new Denied({ cause: "limiter-unavailable", retryAfterMs: Math.max(0, holder.askAt - now) });
    case "share": {
      const retryAfterMs = spendShare(holder, capacityOf(limit), 1, now);
      if (retryAfterMs > 0) throw refusal(call, one, retryAfterMs);
    }
  }
}

/**
 * Says what the limit is and when to come back (draft-ietf-httpapi-ratelimit-headers-10), each caller a little later than the
 * one before, so that they do not all come at once: `Retry-After` is never earlier than the reset.
 */
function refusal(call: Call, { limit }: Claim, waitMs: number): Denied {
  const { requests, windowMs } = limit;
  const violated = limit.name.slice(limit.name.lastIndexOf("/") + 1);
  const seconds = Math.max(1, Math.ceil(windowMs / 1000));
  const quota = Math.ceil((requests * 1000 * seconds) / windowMs);
  const before = call.onAnswer;
  call.onAnswer = (headers) => {
    before?.(headers);
    headers.set("ratelimit-policy", listOf(violated, { q: quota, w: seconds }));
    headers.set("ratelimit", listOf(violated, { r: 0, t: Math.ceil(waitMs / 1000) }));
  };
  const retryAfterMs = waitMs * (1 + 0.2 * call.outside.random());
  return new Denied({ cause: "rate-limited", retryAfterMs, violated });
}

const listOf = (name: string, parameters: Readonly<Record<string, number>>): string =>
  serializeList([[name, new Map(Object.entries(parameters))]]);

/**
 * Names the object. The values are joined as JSON, so that no two lists of them give one name. Callers choose header
 * values, so long ones are replaced by a hash for which they cannot make up a second preimage.
 */
function bucketName({ limit: { name }, key }: Ready, call: Call): string | Promise<string> {
  const values = JSON.stringify(key.map((read) => read(call)));
  // Three bytes a code unit at most: nearly every name is short enough without being encoded.
  if (values.length * 3 <= LONGEST_VALUES) return `${name}/${values}`;
  const bytes = encoder.encode(values);
  return bytes.length <= LONGEST_VALUES ? `${name}/${values}` : hashed(name, bytes);
}

async function hashed(name: string, values: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", values));
  return `${name}/sha256:${hexOf(hash)}`;
}

const encoder = new TextEncoder();
