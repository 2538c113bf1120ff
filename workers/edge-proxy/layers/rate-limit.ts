/**
 * Refuses calls beyond the limit. Tokens come leased from the limit's object, many at a time and ahead of need, so that a
 * request waits for the object only when this isolate holds none, and never for long.
 */
import { remaining } from "../../../mesh/policies/rate-limit-fields.ts";
import {
  arrive,
  ask,
  giveUp,
  type Holder,
  isAsking,
  isDue,
  receive,
  refuse,
  retryMs,
  spend,
  spendShare,
  type Standing,
  standing,
} from "../../../mesh/policies/rate-limit-holder.ts";
import { capacityOf, holderOf, isHolderOf } from "../../../mesh/policies/rate-limit.ts";
import { tell } from "../findings.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { type ReadyLimit, readyLimit } from "../limit.ts";
import { remember, STATE_TIMEOUT_MS } from "../memory.ts";
import { within } from "../within.ts";

/** How often a request that waits for another's message looks for what it brought; promises are not shared. */
const LOOK_EVERY_MS = 10;

/** One limit, as it stands towards this call. */
type Claim = { readonly ready: ReadyLimit; readonly bucket: string; readonly holder: Holder; readonly cost: number };

/** Every limit must admit the call. All give what it takes in one breath, or none does. */
export const rateLimit: MakeLayer<"rate-limit"> = ({ limits }) => {
  const enforced = limits.filter(({ dryRun }) => !dryRun).map(readyLimit);
  const rehearsed = limits.filter(({ dryRun }) => dryRun).map(readyLimit);
  return (next) => (call) => {
    for (const one of rehearsed) rehearse(call, one);
    const claims = claimsOf(call, enforced);
    // Nearly every call finds its tokens in this isolate, and then nothing here waits.
    if (!(claims instanceof Promise) && take(call, claims) === undefined) {
      announce(call, claims);
      return next(call);
    }
    return afterWaiting(next, call, claims);
  };
};

async function afterWaiting(
  next: Handler,
  call: Call,
  claims: readonly Claim[] | Promise<readonly Claim[]>,
): Promise<Response> {
  const all = await claims;
  await admission(call, all);
  announce(call, all);
  return next(call);
}

/** Counts the call as demand of each limit that it takes something of, whether or not it will be admitted. */
function claimsOf(call: Call, limits: readonly ReadyLimit[]): readonly Claim[] | Promise<readonly Claim[]> {
  const claims: Claim[] = [];
  for (let index = 0; index < limits.length; index++) {
    const ready = limits[index]!;
    const cost = ready.isExempt(call) ? 0 : ready.costOf(call);
    if (cost === 0) continue;
    const bucket = ready.bucketOf(call);
    // Those that are made stand.
    if (typeof bucket !== "string") return afterNaming(call, claims, limits.slice(index));
    claims.push(claim(call, ready, bucket, cost));
  }
  return claims;
}

async function afterNaming(
  call: Call,
  made: readonly Claim[],
  [ready, ...others]: readonly ReadyLimit[],
): Promise<readonly Claim[]> {
  if (!ready) return made;
  const mine = claim(call, ready, await ready.bucketOf(call), ready.costOf(call));
  return [...made, mine, ...(await claimsOf(call, others))];
}

function claim({ outside: { memory, now } }: Call, ready: ReadyLimit, bucket: string, cost: number): Claim {
  let holder = memory.holders.get(bucket);
  if (!holder || !isHolderOf(holder, ready.limit))
    holder = remember(memory.holders, bucket, holderOf(`${memory.id}.${++memory.seq}`, ready.limit, now()));
  if (isPossible(cost, ready)) arrive(holder, cost, now());
  return { ready, bucket, holder, cost };
}

/** A call that takes more than there ever is, or nobody knows how much, is no demand that could be met. */
const isPossible = (cost: number, { limit }: ReadyLimit): boolean => cost <= limit.burst;

type Lacking = { readonly claim: Claim; readonly found: Exclude<Standing, "tokens" | "credit"> | "never" };

/** Takes of each limit what the call costs if all have it in hand; otherwise nothing, and tells which has not. */
function take(call: Call, claims: readonly Claim[]): Lacking | undefined {
  const now = call.outside.now();
  if (call.step) call.step.facts.limits = claims.map((one) => stateOf(one, now));
  for (const one of claims) {
    if (!isPossible(one.cost, one.ready)) return { claim: one, found: "never" };
    const found = standing(one.holder, one.cost, now);
    if (found !== "tokens" && found !== "credit") return { claim: one, found };
  }
  for (const { holder, cost } of claims)
    spend(holder, cost, standing(holder, cost, now) === "tokens" ? "tokens" : "credit");
  for (const one of claims) if (isDue(one.holder, now)) call.outside.later(refresh(call, one));
  return undefined;
}

/** As the decision finds it. */
const stateOf = ({ ready, holder, cost }: Claim, now: number) => ({
  limit: ready.limit.name,
  cost,
  finds: isPossible(cost, ready) ? standing(holder, cost, now) : "never",
  left: holder.failures === 0 ? remaining(holder, ready.limit, now) : null,
});

/** Waits until every limit has in hand what the call takes. Throws Denied when one has none to give. */
async function admission(call: Call, claims: readonly Claim[]): Promise<void> {
  const { later, now } = call.outside;
  const until = now() + STATE_TIMEOUT_MS;
  /** Those whose object is away and whose policy lets the call pass nevertheless. */
  const standIns = new Set<Claim>();
  for (;;) {
    const lacking = take(
      call,
      claims.filter((one) => !standIns.has(one)),
    );
    if (!lacking) return;
    const { claim: one, found } = lacking;
    const { holder, cost } = one;
    const at = now();
    if (found === "never") throw new Denied({ cause: Number.isNaN(cost) ? "length-required" : "limit-too-small" });
    if (found === "away" || (found === "wait" && at >= until)) {
      if (at >= holder.askAt && !isAsking(holder, at)) later(refresh(call, one));
      standIn(call, claims, one);
      standIns.add(one);
    } else if (found === "wait") {
      holder.waiting += cost;
      if (isAsking(holder, at)) await settled(call, holder, until);
      else await refresh(call, one);
    } else {
      refuse(holder, at);
      if (isDue(holder, at)) later(refresh(call, one));
      throw refusal(call, claims, one, retryMs(holder, cost, at));
    }
  }
}

/** Counts as the limit would, beside the call: nobody waits for one that refuses nobody. */
function rehearse(call: Call, ready: ReadyLimit): void {
  // What the limit would say on the answer is said on a copy.
  const copy: Call = { ...call, onAnswer: undefined };
  const claims = claimsOf(copy, [ready]);
  if (!(claims instanceof Promise) && take(copy, claims) === undefined) return;
  call.outside.later(rehearsal(call, copy, ready, claims));
}

async function rehearsal(
  call: Call,
  copy: Call,
  { limit: { name } }: ReadyLimit,
  claims: readonly Claim[] | Promise<readonly Claim[]>,
): Promise<void> {
  try {
    await admission(copy, await claims);
  } catch (error) {
    if (!(error instanceof Denied)) throw error;
    call.wouldDeny = true;
    tell(call, "rateLimit", `would-deny ${name}`, { effect: "would-deny", cause: error.denial.cause, limit: name });
  }
}

/** Until another request's message has been answered or given up. */
async function settled({ outside: { now } }: Call, holder: Holder, until: number): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  while (isAsking(holder, now()) && now() < until);
}

/** One message to the object. Never fails: no reply in time is an answer as well. */
async function refresh(call: Call, { ready, bucket, holder }: Claim): Promise<void> {
  const { heard, now, random, rateLimit: object } = call.outside;
  const message = ask(holder, now());
  const asking = async () => object(bucket).lease({ ...message, epoch: call.pinned.epoch, limit: ready.terms });
  const reply = await within(asking(), holder.askingUntil - now()).catch(() => undefined);
  if (reply) heard(reply.epoch);
  if (!reply) return giveUp(holder, message.seq, now(), random());
  receive(holder, message.seq, reply, now(), random());
  holder.left = reply.level;
  holder.leftAt = now();
}

/** What the policy says to do while the object cannot be asked. Throws Denied, or lets the call pass. */
function standIn(call: Call, claims: readonly Claim[], one: Claim): void {
  const { ready, holder, cost } = one;
  const now = call.outside.now();
  call.standIn = "rate-limit";
  switch (ready.limit.onUnavailable) {
    case "allow":
      return;
    case "deny":
      throw new Denied({ cause: "limiter-unavailable", retryAfterMs: Math.max(0, holder.askAt - now) });
    case "share": {
      const retryAfterMs = spendShare(holder, capacityOf(ready.limit), cost, now);
      if (retryAfterMs === 0) return;
      refuse(holder, now);
      throw refusal(call, claims, one, retryAfterMs);
    }
  }
}

/**
 * The caller is told when to come back, each a little later than the one before, so that they do not all come at once:
 * `Retry-After` is never earlier than the reset.
 */
function refusal(call: Call, claims: readonly Claim[], refused: Claim, waitMs: number): Denied {
  announce(call, claims, { refused, waitMs });
  const retryAfterMs = waitMs * (1 + 0.2 * call.outside.random());
  return new Denied({ cause: "rate-limited", retryAfterMs, violated: refused.ready.fields.name });
}

/** Says on the answer what the limits are, and what is left of them. Beside what a backend says of limits of its own. */
function announce(
  call: Call,
  claims: readonly Claim[],
  refusing?: { readonly refused: Claim; readonly waitMs: number },
): void {
  if (claims.length === 0) return;
  const before = call.onAnswer;
  call.onAnswer = (headers) => {
    before?.(headers);
    const now = call.outside.now();
    for (const one of claims) {
      const { fields, limit } = one.ready;
      headers.append("ratelimit-policy", fields.policy);
      if (one === refusing?.refused) headers.append("ratelimit", fields.left(0, Math.ceil(refusing.waitMs / 1000)));
      // Of a limit whose object is away nobody knows what is left.
      else if (one.holder.failures === 0)
        headers.append("ratelimit", fields.left(remaining(one.holder, limit, now), fields.moreInS));
    }
  };
}
